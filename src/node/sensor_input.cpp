#include "node/sensor_input.h"

namespace exogpu::node {

cluster::SensorReadings sensor_readings(gpu::SensorReader& sensors, std::span<const gpu::DeviceInfo> devices) {
  cluster::SensorReadings readings;
  gpu::DeviceInfo processors;
  processors.kind = gpu::DeviceKind::cpu;
  // Read once: its load is that since the last reading.
  const gpu::Readings cpu = sensors.read(processors);
  readings.load = cpu.utilization;
  const gpu::PowerSupply power = sensors.read_power_supply();
  readings.charge = power.charge;
  readings.on_battery = power.on_mains == false;
  for (const gpu::DeviceInfo& device : devices) {
    const gpu::Readings read = device.kind == gpu::DeviceKind::cpu ? cpu : sensors.read(device);
    readings.devices.push_back({.device = device.id,
                                .load = read.utilization,
                                .temperature_c = read.temperature_c,
                                .limit_c = read.limit_c,
                                .throttled = read.throttled.value_or(false),
                                .speed = read.speed});
  }
  return readings;
}

}  // namespace exogpu::node
