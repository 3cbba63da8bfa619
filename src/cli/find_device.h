// From what a user typed after --device to a device of this machine.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"
#include "gpu/device.h"

namespace exogpu::cli {

struct FoundDevice {
  std::unique_ptr<gpu::Machine> machine;  // owns what `device` points to
  const gpu::Device* device = nullptr;
};

// An empty name is the best device. GPUs rendered by the CPU are found only when their name is given.
Result<FoundDevice> find_device(std::string_view name);

}  // namespace exogpu::cli
