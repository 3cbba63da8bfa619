#include "gpu/sensors/sensor_reader.h"

#include <utility>

#include "gpu/host.h"
#include "gpu/sensors/pci_sensors.h"
#include "gpu/sensors/power_supply.h"

namespace exogpu::gpu {

SensorReader::SensorReader(SensorSources sources) : sources_(std::move(sources)) {}

Readings SensorReader::read(const DeviceInfo& device, Time now) {
  if (device.kind == DeviceKind::cpu) return read_cpu(now);
  if (device.software) return {};
  return read_gpu(device, now);
}

PowerSupply SensorReader::read_power_supply() const { return gpu::read_power_supply(sources_.root); }

Readings SensorReader::read_cpu(Time now) {
  Readings readings;
  readings.temperature_c = cpu_temperature_c(sources_.root);
  readings.limit_c = cpu_limit_c(sources_.root);
  readings.throttled = cpu_throttling_.update(sources_.root);
  readings.speed = cpu_speed(sources_.root);
  readings.power_w = cpu_power_w(sources_.root, energy_, now);
  readings.utilization = cpu_load_.update(sources_.root);
  const MemoryInfo memory = read_host_memory(sources_.root);
  if (memory.total > 0) readings.memory_used_bytes = memory.total - memory.free;
  return readings;
}

Readings SensorReader::read_gpu(const DeviceInfo& device, Time now) {
  Readings readings;
  const auto folder = pci_folder(sources_.root, device.pci_address);
  if (folder && is_asleep(*folder)) return readings;
  if (device.vendor == "NVIDIA" || device.backend == "CUDA") {
    if (Nvml* library = nvml()) readings = library->read(device);
  }
  if (!folder) return readings;
  // What NVIDIA's library leaves open, and all of the others'.
  const Readings from_driver = read_pci_sensors(*folder, device.kind == DeviceKind::integrated, energy_, now);
  const auto fill = [](auto& value, const auto& other) {
    if (!value) value = other;
  };
  fill(readings.temperature_c, from_driver.temperature_c);
  fill(readings.limit_c, from_driver.limit_c);
  fill(readings.power_w, from_driver.power_w);
  fill(readings.utilization, from_driver.utilization);
  fill(readings.memory_used_bytes, from_driver.memory_used_bytes);
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
