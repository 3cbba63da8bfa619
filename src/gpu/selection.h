// Which of the devices that ggml's backends report are used. Pure: a list in, a list out.
#pragma once

#include <string_view>
#include <vector>

#include "gpu/device.h"

namespace exogpu::gpu {

// A device as one backend sees it.
struct Found {
  DeviceInfo info;
  Bytes memory_total = 0;
  ggml_backend_device* handle = nullptr;
};

// Place of a backend in the chain CUDA, ROCm, Metal, Vulkan, any other, CPU: lower is preferred.
int backend_rank(std::string_view backend);

// Whether two findings are one physical GPU: by PCI address where both have one, else by UUID, else by name and
// memory. Of one backend's own findings only Vulkan's can be, when two drivers serve one GPU.
bool same_device(const Found& a, const Found& b);

// Forced backend, software renderers, one entry for each physical device (of the preferred backend, with what only the
// others know filled in), best first: discrete before integrated before software before CPU, then by the chain, then
// the larger memory.
// Errors: not_found when a forced backend has no device; names the backends that have.
Result<std::vector<Found>> choose_devices(std::vector<Found> found, const DiscoverOptions& options);

}  // namespace exogpu::gpu
