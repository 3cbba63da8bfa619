#include "engine/default_settings.h"

#include <algorithm>

#include "wire/region.h"

namespace exogpu::engine {
namespace {

constexpr uint32_t kSequencesFixed = 4;
constexpr uint32_t kSequencesOfPool = 16;
constexpr uint32_t kPoolTokens = 16384;

}  // namespace

wire::ServingSettings complete_settings(wire::ServingSettings given, const Architecture& a) {
  const bool fixed = given.pool_tokens == 0 && (given.context > 0 || given.sequences > 0 || a.gives_embeddings());
  if (fixed) {
    if (given.context == 0) given.context = default_context(a);
    if (given.sequences == 0) given.sequences = kSequencesFixed;
    return given;
  }
  const bool recurrent = std::ranges::any_of(a.layers, &LayerSpec::recurrent);
  const bool flash = given.kv_type != wire::KvType::f32 && given.flash_attention != wire::FlashAttention::off;
  if (given.sequences == 0) given.sequences = recurrent ? kSequencesFixed : kSequencesOfPool;
  const bool own_pool = given.pool_tokens > 0;
  if (!own_pool) given.pool_tokens = std::max(kPoolTokens, given.context);
  if (given.context == 0) {
    given.context = std::min(flash ? a.context_trained : default_context(a), given.pool_tokens);
  }
  const uint64_t most = uint64_t{wire::whole_region_steps(given.context)} * given.sequences;
  if (!own_pool) given.pool_tokens = static_cast<uint32_t>(std::min<uint64_t>(given.pool_tokens, most));
  return given;
}

}  // namespace exogpu::engine
