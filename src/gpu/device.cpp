#include "gpu/device.h"

#include <ggml-backend.h>

#include <algorithm>

#include "gpu/host.h"

namespace exogpu::gpu {

std::string_view to_string(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::discrete: return "discrete";
    case DeviceKind::integrated: return "integrated";
    case DeviceKind::cpu: return "cpu";
  }
  return "cpu";
}

MemoryInfo Device::memory() const {
  size_t free = 0;
  size_t total = 0;
  try {
    ggml_backend_dev_memory(handle_, &free, &total);
  } catch (...) {
    // A driver that lost its device throws; such a device has no memory to give.
    return {};
  }
  MemoryInfo memory{.total = total, .free = std::min(free, total)};
  if (info_.kind != DeviceKind::discrete || info_.software) {
    // These live in the host's memory, of which the backends count pages in use as free.
    if (MemoryInfo host = read_host_memory(); host.total != 0) {
      memory.total = std::min(memory.total, host.total);
      memory.free = std::min(memory.free, host.free - std::min(host.free, host_memory_reserve(host.total)));
    }
  }
  return memory;
}

}  // namespace exogpu::gpu
