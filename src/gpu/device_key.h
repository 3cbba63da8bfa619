// What measurements of a device are valid for.
#pragma once

#include <string>

#include "gpu/device.h"

namespace exogpu::gpu {

// Names the device, its driver and the version of ggml: others have other speeds and other errors. Printable ASCII.
std::string device_key(const Device& device);

}  // namespace exogpu::gpu
