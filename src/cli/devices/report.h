// The output of `exogpu devices`, as text and as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/devices/layouts.h"
#include "gpu/device.h"
#include "gpu/profile/cache.h"
#include "gpu/sensors/readings.h"
#include "wire/device_profile.h"

namespace exogpu::cli {

struct DeviceReport {
  gpu::DeviceInfo info;
  gpu::MemoryInfo memory;
  gpu::Readings readings;
  std::optional<Result<gpu::CachedProfile>> profile;  // empty if not requested
  gpu::LayoutKnowledge layouts{};                     // likewise
  std::vector<wire::TypeLimit> limits{};
};

struct DevicesReport {
  std::vector<DeviceReport> devices;
  gpu::PowerSupply supply;
};

std::string as_text(const DevicesReport& report);

// One object. Released keys do not change; new ones may be added. Unknown values are null.
std::string as_json(const DevicesReport& report);

// One line for each device that could not be measured, or whose profile has a note, and for each layout of weights that
// is not used because it is wrong.
std::vector<std::string> problems(const DevicesReport& report);

}  // namespace exogpu::cli
