// The devices a plan may use: those of this machine, or those that a file describes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "gpu/device.h"
#include "gpu/profile/profile.h"
#include "placement/placement.h"
#include "wire/device_profile.h"

namespace exogpu::cli {

// A device with its measured rates. A product of many columns that was not measured counts as no faster than one
// column at a time.
wire::DeviceProfile device_profile(const gpu::DeviceInfo& info, Bytes memory_free, const gpu::Profile& profile);

// Measures what is not kept from an earlier time, which takes about two seconds for each device.
// Errors: those of gpu::measure().
Result<wire::ClusterView> view_of(const gpu::Machine& machine);

// The text of a file as docs/placement.md describes it: one machine, as `exogpu devices --json --profile` prints it, or
// several with the links between them. `name` stands for the file in error messages.
// Errors: corrupt, naming the place and what is wrong there.
Result<wire::ClusterView> parse_cluster(std::string_view text, const std::string& name);

// The device that a user means by "vulkan0", "desk/vulkan0" or, of a node with one device, "desk".
// Errors: not_found, invalid_argument when several are meant; names those there are.
Result<wire::DeviceRef> find_device(const wire::ClusterView& view, std::string_view name);

// "a:0-11,b:12-27", both ends included.
// Errors: invalid_argument, and those of find_device().
Result<std::vector<placement::HandStage>> parse_layers(const wire::ClusterView& view, std::string_view text);

}  // namespace exogpu::cli
