#include "node/condition.h"

#include <algorithm>

namespace exogpu::node {

cluster::SensorReadings sensor_readings(const telemetry::Sample& sample) {
  cluster::SensorReadings readings;
  readings.load = sample.processors.utilization;
  readings.charge = sample.supply.charge;
  readings.on_battery = sample.supply.on_mains == false;
  for (size_t i = 0; i < sample.devices.size(); ++i) {
    const gpu::Readings& read = sample.devices[i];
    readings.devices.push_back({.device = sample.subjects[i + 1].id,
                                .load = read.utilization,
                                .temperature_c = read.temperature_c,
                                .limit_c = read.limit_c,
                                .throttled = read.throttled.value_or(false),
                                .speed = read.speed});
  }
  return readings;
}

void adjust(telemetry::Sample& sample, const std::function<void(cluster::SensorReadings&)>& change) {
  using wire::Metric;
  cluster::SensorReadings readings = sensor_readings(sample);
  change(readings);
  sample.processors.utilization = readings.load;
  sample.supply.charge = readings.charge;
  if (readings.on_battery || sample.supply.on_mains) sample.supply.on_mains = !readings.on_battery;
  wire::MetricValues& machine = sample.values.front();
  machine[Metric::utilization] = readings.load;
  machine[Metric::charge] = readings.charge;
  if (sample.supply.on_mains) machine[Metric::on_battery] = *sample.supply.on_mains ? 0 : 1;
  for (size_t i = 0; i < sample.devices.size(); ++i) {
    wire::TelemetrySubject& subject = sample.subjects[i + 1];
    const auto changed = std::ranges::find(readings.devices, subject.id, &cluster::DeviceReadings::device);
    if (changed == readings.devices.end()) continue;
    gpu::Readings& device = sample.devices[i];
    device.utilization = changed->load;
    device.temperature_c = changed->temperature_c;
    device.limit_c = subject.temperature_limit_c = changed->limit_c;
    if (changed->throttled || device.throttled) device.throttled = changed->throttled;
    device.speed = changed->speed;
    sample.values[i + 1] = telemetry::values_of(device);
  }
}

std::optional<double> charge_floor(const wire::OwnerLimits& limits) {
  if (!limits.battery_floor_percent) return std::nullopt;
  return *limits.battery_floor_percent / 100.0;
}

bool Condition::update(const cluster::SensorReadings& readings, cluster::Time now) {
  const wire::NodeCondition before = watch_.reported();
  return watch_.update(readings, now) != before;
}

wire::NodeCondition Condition::current(const std::vector<const cluster::LocalPlan*>& plans) const {
  wire::NodeCondition condition = watch_.reported();
  condition.shards = cluster::shards_of(plans);
  return condition;
}

}  // namespace exogpu::node
