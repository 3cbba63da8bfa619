// The parts of NVIDIA's management library that exogpu uses, declared here so that its header need not be installed.
#pragma once

#include <optional>

#include "gpu/device.h"
#include "gpu/sensors/readings.h"

namespace exogpu::gpu {

struct NvmlDevice;  // opaque
struct NvmlUtilization {
  unsigned gpu, memory;  // percent
};
struct NvmlMemory {
  unsigned long long total, free, used;  // bytes
};

// The functions of the library; each returns 0 on success. All but `init` may be null: then their values are absent.
struct NvmlFunctions {
  int (*init)() = nullptr;
  int (*device_by_pci_address)(const char* address, NvmlDevice** device) = nullptr;
  int (*device_by_uuid)(const char* uuid, NvmlDevice** device) = nullptr;  // "GPU-6af8..."
  int (*temperature)(NvmlDevice* device, int sensor, unsigned* celsius) = nullptr;
  int (*power_usage)(NvmlDevice* device, unsigned* milliwatts) = nullptr;
  int (*utilization)(NvmlDevice* device, NvmlUtilization* utilization) = nullptr;
  int (*memory)(NvmlDevice* device, NvmlMemory* memory) = nullptr;
  int (*temperature_threshold)(NvmlDevice* device, int threshold, unsigned* celsius) = nullptr;
  int (*throttle_reasons)(NvmlDevice* device, unsigned long long* reasons) = nullptr;  // bits
  int (*clock)(NvmlDevice* device, int clock, unsigned* mhz) = nullptr;
  int (*max_clock)(NvmlDevice* device, int clock, unsigned* mhz) = nullptr;
  int (*fan_speed)(NvmlDevice* device, unsigned* percent) = nullptr;
};

// Opens the library of the installed driver; absent where there is none.
std::optional<NvmlFunctions> load_nvml();

class Nvml {
 public:
  // Absent when the library cannot start: no driver loaded, or no permission.
  static std::optional<Nvml> open(const NvmlFunctions& functions);
  // Finds the GPU by its PCI address, else by its UUID; an unknown one has no readings.
  Readings read(const DeviceInfo& device) const;

 private:
  explicit Nvml(const NvmlFunctions& functions) : functions_(functions) {}
  NvmlDevice* find(const DeviceInfo& device) const;

  NvmlFunctions functions_;
};

}  // namespace exogpu::gpu
