// Refuses what makes no sense before anything is computed with it.
#pragma once

#include "base/result.h"
#include "placement/placement.h"

namespace exogpu::placement {

// Errors: invalid_argument, naming the thing and the value.
Result<void> check_shape(const wire::ModelShape& shape);
Result<void> check_view(const wire::ClusterView& view);
// Devices named by hand must be in the view, once each; layers by hand must cover the model in order.
Result<void> check_request(const PlacementRequest& request, const wire::ClusterView& view,
                           const wire::ModelShape& shape);

// The index of a device in the view, or the view's size.
size_t index_of(const wire::ClusterView& view, const wire::DeviceRef& device);

}  // namespace exogpu::placement
