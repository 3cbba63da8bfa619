#include "placement/longer_context.h"

#include <algorithm>

#include "placement/cost.h"
#include "placement/input.h"

namespace exogpu::placement {
namespace {

Bytes kv_bytes_per_token(const wire::ModelShape& shape, wire::LayerRange layers) {
  Bytes bytes = 0;
  for (uint32_t l = layers.begin; l < layers.end; ++l) bytes += shape.layers[l].kv_bytes_per_token;
  return bytes;
}

Bytes spared(const PlacementRequest& request, const wire::DeviceRef& device) {
  const auto found = request.memory_spared.find(device);
  return found == request.memory_spared.end() ? 0 : found->second;
}

}  // namespace

Bytes context_bytes(const wire::ModelShape& shape, wire::LayerRange layers, Bytes tokens) {
  return tokens * (kv_bytes_per_token(shape, layers) + shape.compute_bytes_per_token);
}

wire::ServingSettings with_longer_context(const wire::ClusterView& view, const wire::ModelShape& shape,
                                          const PlacementRequest& request, uint32_t context_most, wire::Plan& plan) {
  wire::ServingSettings settings = request.serving;
  if (settings.pool_tokens == 0 || context_most <= settings.pool_tokens) return settings;
  const Bytes granularity = shape.context_granularity;
  const Bytes rows = cache_rows(shape, request);
  Bytes granules = (std::max<Bytes>(context_most, rows) - rows + granularity - 1) / granularity;
  for (const wire::Stage& stage : plan.stages) {
    const Bytes free = view.devices[index_of(view, stage.device)].memory_free;
    const Bytes taken = stage.memory.total() + spared(request, stage.device);
    const Bytes room = free > taken ? (free - taken) / 2 : 0;
    granules = std::min(granules, room / std::max<Bytes>(context_bytes(shape, stage.layers, granularity), 1));
  }
  const Bytes more = granules * granularity;
  if (more == 0) return settings;
  settings.pool_tokens = static_cast<uint32_t>(rows + more);
  settings.context = std::min(context_most, settings.pool_tokens);
  for (wire::Stage& stage : plan.stages) {
    stage.memory.cache += more * kv_bytes_per_token(shape, stage.layers);
    stage.memory.compute += more * shape.compute_bytes_per_token;
  }
  return settings;
}

}  // namespace exogpu::placement
