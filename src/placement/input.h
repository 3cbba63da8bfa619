// Checks the planner's input before anything is computed with it.
#pragma once

#include "base/result.h"
#include "placement/placement.h"

namespace exogpu::placement {

// Errors of all three: invalid_argument, naming the field and its value.
Result<void> check_shape(const wire::ModelShape& shape);
Result<void> check_view(const wire::ClusterView& view);
// Excluded and fixed devices must be in the view, once each; fixed layers must cover the model in order.
Result<void> check_request(const PlacementRequest& request, const wire::ClusterView& view,
                           const wire::ModelShape& shape);

// The index of a device in the view, or the view's size when it is not there.
size_t index_of(const wire::ClusterView& view, const wire::DeviceRef& device);

}  // namespace exogpu::placement
