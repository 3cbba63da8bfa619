// Finds the device that --device names.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gpu/device.h"

namespace exogpu::cli {

struct FoundDevice {
  std::unique_ptr<gpu::Machine> machine;  // owns `device`
  const gpu::Device* device = nullptr;
};

// An empty name means the best device. Software GPUs are found only by name.
Result<FoundDevice> find_device(std::string_view name);

struct FoundDevices {
  std::unique_ptr<gpu::Machine> machine;
  std::vector<const gpu::Device*> devices;
};

// Those of a group: the devices that a plus separates in `names`.
Result<FoundDevices> find_devices(std::string_view names);

}  // namespace exogpu::cli
