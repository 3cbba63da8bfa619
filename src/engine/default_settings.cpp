#include "engine/default_settings.h"

#include <algorithm>
#include <array>
#include <optional>

#include "engine/shard.h"
#include "wire/region.h"

namespace exogpu::engine {
namespace {

constexpr uint32_t kSequencesFixed = 4;
constexpr uint32_t kSequencesOfPool = 16;
constexpr uint32_t kPoolTokens = 16384;
constexpr uint32_t kBatchOfGpu = 2048;
constexpr std::array<uint32_t, 3> kBatchesOfStream = {4096, 2048, 1024};

// Of the whole model. None where it cannot be loaded in any case: load() has the reason.
std::optional<MemoryNeed> need_of(const model::Gguf& file, const gpu::Device& device, ShardOptions options,
                                  uint32_t batch) {
  const auto architecture = read_architecture(file);
  if (!architecture) return std::nullopt;
  options.batch_tokens = batch;
  const auto need = Shard::measure(file, {0, architecture->n_layers}, device, options);
  return need ? std::optional(*need) : std::nullopt;
}

bool has_flash_attention(const wire::ServingSettings& settings) {
  return settings.kv_type != wire::KvType::f32 && settings.flash_attention != wire::FlashAttention::off;
}

}  // namespace

wire::ServingSettings complete_settings(wire::ServingSettings given, const Architecture& a) {
  const bool fixed = given.pool_tokens == 0 && (given.context > 0 || given.sequences > 0 || a.gives_embeddings());
  if (fixed) {
    if (given.context == 0) given.context = default_context(a);
    if (given.sequences == 0) given.sequences = kSequencesFixed;
    return given;
  }
  const bool recurrent = std::ranges::any_of(a.layers, &LayerSpec::recurrent);
  if (given.sequences == 0) given.sequences = recurrent ? kSequencesFixed : kSequencesOfPool;
  const bool own_pool = given.pool_tokens > 0;
  if (!own_pool) given.pool_tokens = std::max(kPoolTokens, given.context);
  if (given.context == 0) {
    given.context = std::min(has_flash_attention(given) ? a.context_trained : default_context(a), given.pool_tokens);
  }
  const uint64_t most = uint64_t{wire::whole_region_steps(given.context)} * given.sequences;
  if (!own_pool) given.pool_tokens = static_cast<uint32_t>(std::min<uint64_t>(given.pool_tokens, most));
  return given;
}

uint32_t context_most(const wire::ServingSettings& given, const Architecture& a) {
  const bool free = given.pool_tokens == 0 && given.context == 0 && given.sequences == 0 && !a.gives_embeddings();
  return free && has_flash_attention(given) && a.context_trained > kPoolTokens ? a.context_trained : 0;
}

uint32_t usual_batch(const model::Gguf& file, const gpu::Device& device, ShardOptions options) {
  const uint32_t usual = ShardOptions().batch_tokens;
  const auto fits = [&](uint32_t batch) {
    if (options.context < batch) return false;
    const auto need = need_of(file, device, options, batch);
    return need && need->total() <= device.memory().free;
  };
  if (options.weight_budget > 0) {
    const auto need = need_of(file, device, options, usual);
    if (need && need->layers_streamed > 0) {
      const auto largest = std::ranges::find_if(kBatchesOfStream, fits);
      return largest == kBatchesOfStream.end() ? usual : *largest;
    }
  }
  const bool fills = device.info().kind != gpu::DeviceKind::cpu && !device.info().software;
  return fills && fits(kBatchOfGpu) ? kBatchOfGpu : usual;
}

}  // namespace exogpu::engine
