// Why a plan uses a device or does not: what each constraint and each preference says of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "placement/placement.h"

namespace exogpu::placement {

struct Verdict {
  std::string_view name;  // of the constraint or the preference: "memory", "speed"
  bool allows = true;     // a preference never forbids
  std::string reason;     // "needs 120 MB for a single layer, 8.1 GB free"
};

// All constraints on the device, alone and beside the devices of the plan, then the preference for speed. `result` is
// of assign_layers() with the same arguments. Errors: invalid_argument (there is no such device).
Result<std::vector<Verdict>> why(const wire::ClusterView& view, const wire::ModelShape& shape,
                                 const PlacementRequest& request, const PlacementResult& result,
                                 const wire::DeviceRef& device);

}  // namespace exogpu::placement
