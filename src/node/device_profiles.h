// The devices of this machine as a planner sees them.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "gpu/device.h"
#include "gpu/profile/profile.h"
#include "wire/device_profile.h"

namespace exogpu::node {

// A device with its measured rates. A product of many columns that was not measured counts as no faster than one
// column at a time.
wire::DeviceProfile device_profile(const gpu::DeviceInfo& info, Bytes memory_free, const gpu::Profile& profile);

// The types of weights that the device cannot compute with, and what becomes of them.
std::vector<wire::TypeLimit> limits_of(const gpu::Device& device);

// Measures what is not cached, which takes about two seconds for each device. `threads` are those of
// a CPU; 0: as many as this process may well use.
// Errors: those of gpu::measure().
Result<std::vector<wire::DeviceProfile>> profiles_of(std::span<const gpu::Device* const> devices, uint32_t threads = 0);

}  // namespace exogpu::node
