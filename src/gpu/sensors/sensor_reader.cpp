#include "gpu/sensors/sensor_reader.h"

#include <utility>

#include "gpu/host.h"
#include "gpu/sensors/pci_sensors.h"
#include "gpu/sensors/power_supply.h"

namespace exogpu::gpu {

SensorReader::SensorReader(SensorSources sources)
    : sources_(std::move(sources)), files_(sources_.root, sources_.remember) {}

Readings SensorReader::read(const DeviceInfo& device, Time now, const std::optional<MemoryInfo>& host_memory) {
  files_.begin(now);
  if (device.kind == DeviceKind::cpu) return read_cpu(now, host_memory);
  if (device.software) return {};
  return read_gpu(device, now);
}

PowerSupply SensorReader::read_power_supply(Time now) {
  files_.begin(now);
  return gpu::read_power_supply(files_);
}

std::optional<double> SensorReader::read_fan(Time now) {
  files_.begin(now);
  return fan_of_machine(files_);
}

Readings SensorReader::read_cpu(Time now, const std::optional<MemoryInfo>& host_memory) {
  Readings readings;
  readings.temperature_c = cpu_temperature_c(files_);
  readings.limit_c = cpu_limit_c(files_);
  readings.throttled = cpu_throttling_.update(files_);
  const CpuClock clock = cpu_clock(files_);
  readings.clock_mhz = clock.mhz;
  readings.speed = clock.speed;
  readings.power_w = cpu_power_w(files_, energy_, now);
  readings.utilization = cpu_load_.update(files_);
  const MemoryInfo memory = host_memory ? *host_memory : read_host_memory(sources_.root);
  if (memory.total == 0) return readings;
  readings.memory_used_bytes = memory.total - memory.free;
  readings.memory_total_bytes = memory.total;
  return readings;
}

Readings SensorReader::read_gpu(const DeviceInfo& device, Time now) {
  Readings readings;
  const auto folder = pci_folder(files_, device.pci_address);
  if (folder && is_asleep(files_, *folder)) return readings;
  if (device.vendor == "NVIDIA" || device.backend == "CUDA") {
    if (Nvml* library = nvml()) readings = library->read(device);
  }
  if (!folder) return readings;
  // What NVIDIA's library leaves open, and all of the others'.
  const Readings from_driver = read_pci_sensors(files_, *folder, device.kind == DeviceKind::integrated, energy_, now);
  const auto fill = [](auto& value, const auto& other) {
    if (!value) value = other;
  };
  fill(readings.temperature_c, from_driver.temperature_c);
  fill(readings.limit_c, from_driver.limit_c);
  fill(readings.power_w, from_driver.power_w);
  fill(readings.utilization, from_driver.utilization);
  fill(readings.memory_used_bytes, from_driver.memory_used_bytes);
  fill(readings.memory_total_bytes, from_driver.memory_total_bytes);
  fill(readings.throttled, from_driver.throttled);
  fill(readings.power_limited, from_driver.power_limited);
  fill(readings.clock_mhz, from_driver.clock_mhz);
  fill(readings.fan, from_driver.fan);
  return readings;
}

Nvml* SensorReader::nvml() {
  if (!nvml_tried_) {
    nvml_tried_ = true;
    if (const auto functions = sources_.load_nvml()) nvml_ = Nvml::open(*functions);
  }
  return nvml_ ? &*nvml_ : nullptr;
}

}  // namespace exogpu::gpu
