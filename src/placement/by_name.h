// Parses devices and layers in the form that users write.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "placement/placement.h"
#include "wire/device_profile.h"

namespace exogpu::placement {

// The device that a user means by "vulkan0", "desk/vulkan0" or, of a node with one device, "desk".
// Errors: not_found, invalid_argument when several are meant; names the devices that exist.
Result<wire::DeviceRef> find_device(const wire::ClusterView& view, std::string_view name);

// Whether the text is written as parse_layers() takes it, before the devices are known. Errors: invalid_argument.
Result<void> check_layers(std::string_view text);

// "0-11", both ends included: layers that stay together. Errors: invalid_argument.
Result<wire::LayerRange> parse_together(std::string_view text);

// "a:0-11,b:12-27", both ends included.
// Errors: invalid_argument, and those of find_device().
Result<std::vector<AssignedLayers>> parse_layers(const wire::ClusterView& view, std::string_view text);

}  // namespace exogpu::placement
