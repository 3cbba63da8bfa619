// What the Vulkan loader of this machine knows about its devices, asked without ggml.
#pragma once

#include <string>
#include <vector>

#include "gpu/device.h"

namespace exogpu::gpu {

struct VulkanDevice {
  DeviceInfo info;         // without an id
  Bytes memory_total = 0;  // of its device-local heaps
  bool usable = false;     // has what ggml needs of any device: 16-bit storage
};

struct VulkanProbe {
  std::vector<VulkanDevice> devices;  // in the loader's order, which GGML_VK_VISIBLE_DEVICES counts by
  std::string problem;                // why there are none, when something is wrong with the loader or a driver
};

// Asks the loader, which is opened once in a process. Never fails: a machine without Vulkan, or with a broken driver,
// has no such devices.
VulkanProbe probe_vulkan();

}  // namespace exogpu::gpu
