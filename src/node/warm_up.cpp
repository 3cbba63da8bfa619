#include "node/warm_up.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "gpu/cpu_threads/own_team.h"
#include "wire/region.h"

namespace exogpu::node {
namespace {

// Runs so many tokens through a shard that holds `position` tokens. Seconds that took.
Result<double> warm(engine::ShardGroup& shard, uint32_t count, uint32_t position = 0) {
  const auto start = std::chrono::steady_clock::now();
  const engine::SequenceTokens next{.sequence = wire::SeqId(0), .position = position, .count = count, .outputs = 1};
  const std::vector<model::TokenId> tokens(count, 0);
  const std::vector<float> activations(size_t{count} * shard.architecture().activation_width(), 0.01F);
  engine::Batch batch{.sequences = {&next, 1}, .tokens = {}, .activations = {}};
  if (shard.layers().begin == 0) {
    batch.tokens = tokens;
  } else {
    batch.activations = activations;
  }
  EXO_CHECK(shard.forward(batch));
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Gives the first sequence, and no other, so many rows where the sequences share a pool.
Result<void> place(engine::ShardGroup& shard, uint32_t rows) {
  if (shard.options().pool_tokens == 0) return {};
  std::vector<wire::Placement> places(shard.options().sequences);
  for (uint32_t i = 0; i < places.size(); ++i) places[i].sequence = wire::SeqId(i);
  places[0].region.rows = rows;
  return shard.place(places);
}

// On a GPU: the sizes in which sequences decode together and prompts come, up to where one takes its time even when it
// is compiled, and then some chunks of a long prompt.
Result<void> warm_gpu(engine::ShardGroup& shard, bool software, const std::stop_token& stop) {
  constexpr double slow_s = 0.25;
  constexpr uint32_t chunks = 4;
  const engine::ShardOptions& options = shard.options();
  const uint32_t most = std::min({options.batch_tokens, options.context, software ? 64U : 4096U});
  for (uint32_t count = software ? most : std::min(2U, most);; count = std::min(2 * count, most)) {
    EXO_TRY(double took_s, warm(shard, count));
    EXO_CHECK(shard.truncate(wire::SeqId(0), 0));
    if (count < most && took_s > slow_s) {
      EXO_TRY(took_s, warm(shard, count));
      EXO_CHECK(shard.truncate(wire::SeqId(0), 0));
    }
    if (took_s > slow_s || software || stop.stop_requested()) return {};
    if (count == most) break;
  }
  const uint32_t chunks_to_warm = options.embeddings ? 0 : chunks;  // texts to embed may have to come whole
  for (uint32_t i = 0; i < chunks_to_warm && (i + 1) * most <= options.context && !stop.stop_requested(); ++i) {
    EXO_CHECK(warm(shard, most, i * most));
  }
  return shard.truncate(wire::SeqId(0), 0);
}

}  // namespace

Result<void> warm_up(engine::ShardGroup& shard, const gpu::DeviceInfo& device, const std::stop_token& stop) {
  const auto first = [&]() -> Result<void> {
    EXO_CHECK(shard.truncate(wire::SeqId(0), 0));
    EXO_CHECK(place(shard, wire::whole_region_steps(shard.options().context)));
    EXO_CHECK(warm(shard, 1));
    return shard.truncate(wire::SeqId(0), 0);
  };
  if (device.kind == gpu::DeviceKind::cpu) {
    EXO_CHECK(gpu::with_own_team(first));
  } else {
    EXO_CHECK(first());
    EXO_CHECK(warm_gpu(shard, device.software, stop));
  }
  return place(shard, 0);
}

}  // namespace exogpu::node
