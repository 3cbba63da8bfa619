// A GPU's sensors, from its Linux driver (amdgpu, i915, xe, nouveau) in the folder of its PCI device.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "gpu/sensors/energy_meter.h"
#include "gpu/sensors/readings.h"
#include "gpu/sensors/sensor_files.h"

namespace exogpu::gpu {

// sys/bus/pci/devices/0000:65:00.0 below the root of `files`; absent when `address` is not a PCI address or has no
// device. Accepts a domain of more than four digits, as NVIDIA's library writes it.
std::optional<std::filesystem::path> pci_folder(SensorFiles& files, std::string_view address);

// Whether the device is switched off to save power: reading its sensors would wake it.
bool is_asleep(SensorFiles& files, const std::filesystem::path& pci_folder);

// `integrated`: system memory that the GPU has mapped also counts as its memory in use.
Readings read_pci_sensors(SensorFiles& files, const std::filesystem::path& pci_folder, bool integrated,
                          EnergyMeter& energy, EnergyMeter::Time now);

}  // namespace exogpu::gpu
