#include "gpu/sensors/nvml.h"

#include "gpu/sensors/plausible.h"

namespace exogpu::gpu {

std::optional<Nvml> Nvml::open(const NvmlFunctions& functions) {
  if (functions.init == nullptr || functions.init() != 0) return std::nullopt;
  return Nvml(functions);
}

NvmlDevice* Nvml::find(const DeviceInfo& device) const {
  NvmlDevice* found = nullptr;
  const auto by = [&](auto* lookup, const std::string& name) {
    return lookup != nullptr && lookup(name.c_str(), &found) == 0 && found != nullptr;
  };
  if (!device.pci_address.empty() && by(functions_.device_by_pci_address, device.pci_address)) return found;
  if (device.uuid.empty()) return nullptr;
  const std::string uuid = device.uuid.starts_with("GPU-") ? device.uuid : "GPU-" + device.uuid;
  return by(functions_.device_by_uuid, uuid) ? found : nullptr;
}

Readings Nvml::read(const DeviceInfo& device) const {
  Readings readings;
  NvmlDevice* gpu = find(device);
  if (gpu == nullptr) return readings;
  const auto ask = [gpu](auto* function, auto... arguments) {
    return function != nullptr && function(gpu, arguments...) == 0;
  };
  constexpr int kChip = 0, kShutdown = 0, kSlowdown = 1, kMultiprocessors = 1;
  constexpr unsigned long long kThermalReasons = 0x20 | 0x40;  // by the driver, by the hardware
  constexpr unsigned long long kPowerReason = 0x4, kBrakeReason = 0x80;
  unsigned celsius = 0, milliwatts = 0;
  NvmlUtilization utilization{};
  NvmlMemory memory{};
  if (ask(functions_.temperature, kChip, &celsius)) readings.temperature_c = plausible_temperature_c(celsius);
  if (ask(functions_.power_usage, &milliwatts)) readings.power_w = plausible_power_w(milliwatts * 1e-3);
  if (ask(functions_.utilization, &utilization)) readings.utilization = plausible_share(utilization.gpu * 1e-2);
  unsigned limit = 0, mhz = 0, mhz_max = 0;
  unsigned long long reasons = 0;
  if (ask(functions_.temperature_threshold, kShutdown, &limit) && limit > 0) {
    readings.limit_c = plausible_temperature_c(limit);
  }
  if (ask(functions_.temperature_threshold, kSlowdown, &limit) && limit > 0) {
    readings.slowdown_c = plausible_temperature_c(limit);
  }
  if (ask(functions_.throttle_reasons, &reasons)) {
    readings.throttled = (reasons & kThermalReasons) != 0;
    readings.power_limited = (reasons & kPowerReason) != 0;
    readings.braked = (reasons & kBrakeReason) != 0;
  }
  if (ask(functions_.clock, kMultiprocessors, &mhz)) {
    readings.clock_mhz = plausible_clock_mhz(mhz);
    if (ask(functions_.max_clock, kMultiprocessors, &mhz_max) && mhz_max > 0) {
      readings.speed = plausible_share(static_cast<double>(mhz) / mhz_max);
    }
  }
  if (ask(functions_.memory, &memory) && memory.used <= memory.total) {
    readings.memory_used_bytes = memory.used;
    readings.memory_total_bytes = memory.total;
  }
  unsigned fan_percent = 0;
  if (ask(functions_.fan_speed, &fan_percent)) readings.fan = plausible_share(fan_percent * 1e-2);
  return readings;
}

}  // namespace exogpu::gpu
