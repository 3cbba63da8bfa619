#include "gpu/device_key.h"

#include <format>

#include "gpu/ggml_runtime.h"

namespace exogpu::gpu {

std::string device_key(const Device& device) {
  const DeviceInfo& info = device.info();
  std::string key = std::format("{}, {}, {}, {}, driver {}, ggml {}", info.backend, info.name, info.pci_address,
                                info.uuid, info.driver_version, ggml_version_text());
  // A file cannot store these characters unchanged, so the key would never be found again.
  for (char& c : key) {
    if (static_cast<unsigned char>(c) >= 0x80 || static_cast<unsigned char>(c) < 0x20) c = '?';
  }
  return key;
}

}  // namespace exogpu::gpu
