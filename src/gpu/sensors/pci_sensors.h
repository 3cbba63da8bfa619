// Sensors of a GPU that its Linux driver shows in the folder of its PCI device: amdgpu, i915, xe, nouveau.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "gpu/sensors/energy_meter.h"
#include "gpu/sensors/readings.h"

namespace exogpu::gpu {

// sys/bus/pci/devices/0000:65:00.0 below `root`; absent when `address` is no PCI address, or nothing is there.
// A domain of more than four digits, as NVIDIA's library writes it, is understood.
std::optional<std::filesystem::path> pci_folder(const std::filesystem::path& root, std::string_view address);

// Whether the system has switched the device off to save power: reading its sensors would wake it.
bool is_asleep(const std::filesystem::path& pci_folder);

// `integrated`: system memory that the GPU has mapped counts as its memory in use, too.
Readings read_pci_sensors(const std::filesystem::path& pci_folder, bool integrated, EnergyMeter& energy,
                          EnergyMeter::Time now);

}  // namespace exogpu::gpu
