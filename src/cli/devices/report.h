// What `exogpu devices` says, as a page for a person and as JSON for a program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gpu/device.h"
#include "gpu/profile/cache.h"
#include "gpu/sensors/readings.h"

namespace exogpu::cli {

struct DeviceReport {
  gpu::DeviceInfo info;
  gpu::MemoryInfo memory;
  gpu::Readings readings;
  std::optional<Result<gpu::CachedProfile>> profile;  // absent when none was asked for
};

struct DevicesReport {
  std::vector<DeviceReport> devices;
  gpu::PowerSupply supply;
};

std::string as_text(const DevicesReport& report);

// One object. The keys stay as they are once released; new ones may join them. What is unknown is null.
std::string as_json(const DevicesReport& report);

// A line for each device that could not be measured, or whose profile has a note.
std::vector<std::string> problems(const DevicesReport& report);

}  // namespace exogpu::cli
