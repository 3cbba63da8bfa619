// The room for a long conversation that a plan's devices have beside what they need.
#pragma once

#include <cstdint>

#include "placement/placement.h"

namespace exogpu::placement {

// Makes the pool of a plan, and with it the context, larger, up to `context_most` tokens: as far as each device has
// room when half of what it has left stays free for other models. Adds the memory to the stages. The plan's speed
// stays, since a step reads what conversations have, not what they may have.
//
// The settings of the request with these numbers; those of the request where that is no gain. Of a plan that
// assign_layers() made of the same view, shape and request.
wire::ServingSettings with_longer_context(const wire::ClusterView& view, const wire::ModelShape& shape,
                                          const PlacementRequest& request, uint32_t context_most, wire::Plan& plan);

// What `tokens` more of a context need in a stage with these layers.
Bytes context_bytes(const wire::ModelShape& shape, wire::LayerRange layers, Bytes tokens);

}  // namespace exogpu::placement
