#include "engine/streaming.h"

#include <chrono>

namespace exogpu::engine {

Streaming streaming_of(const Chain& chain) {
  Streaming all;
  double read_bytes = 0;
  std::chrono::duration<double> read_time{};
  for (const ShardGroup& shard : chain.shards()) {
    const MemoryNeed& need = shard.first().memory();
    if (need.layers_streamed == 0) continue;
    const StreamUse use = shard.first().stream_use();
    all.layers += need.layers_streamed;
    all.bytes += need.weights_streamed;
    all.waited_s += std::chrono::duration<double>(use.waited).count();
    read_bytes += static_cast<double>(use.layers) * static_cast<double>(need.weights_streamed) / need.layers_streamed;
    read_time += use.read;
  }
  if (read_time.count() > 0) all.bytes_per_s = read_bytes / read_time.count();
  return all;
}

}  // namespace exogpu::engine
