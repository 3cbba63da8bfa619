// The devices that this machine's Vulkan loader reports, without ggml.
#pragma once

#include <string>
#include <vector>

#include "gpu/device.h"

namespace exogpu::gpu {

struct VulkanDevice {
  DeviceInfo info;         // without an id
  Bytes memory_total = 0;  // of its device-local heaps
  bool usable = false;     // has 16-bit storage, which ggml requires
};

struct VulkanProbe {
  std::vector<VulkanDevice> devices;  // in the loader's order, to which GGML_VK_VISIBLE_DEVICES refers
  std::string problem;                // the reason for no devices, when the loader or a driver has a problem
};

// Queries the loader, which is opened once in a process. Never fails: a machine without Vulkan, or with a broken
// driver, has no such devices.
VulkanProbe probe_vulkan();

}  // namespace exogpu::gpu
