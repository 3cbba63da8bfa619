#include "api/metrics/families.h"

namespace exogpu::api {
namespace {

struct Family {
  wire::Metric metric;
  std::string_view name, help;
  double scale = 1;
};

constexpr Family kDeviceFamilies[] = {
    {wire::Metric::memory_used_bytes, "exogpu_device_memory_used_bytes", "Memory in use by all processes."},
    {wire::Metric::memory_total_bytes, "exogpu_device_memory_bytes", "Memory of the device."},
    {wire::Metric::shard_bytes, "exogpu_device_shard_memory_bytes", "Memory in use by shards of the cluster."},
    {wire::Metric::utilization, "exogpu_device_utilization_ratio", "Share of the time that it was busy."},
    {wire::Metric::power_w, "exogpu_device_power_watts", "Power drawn."},
    {wire::Metric::temperature_c, "exogpu_device_temperature_celsius", "Temperature of the chip."},
    {wire::Metric::clock_mhz, "exogpu_device_clock_hertz", "Clock of the cores.", 1e6},
    {wire::Metric::fan, "exogpu_device_fan_ratio", "Speed of the fan, of its highest."},
    {wire::Metric::pace, "exogpu_device_pace_ratio", "Share of the time that shards may compute, for its heat."},
    {wire::Metric::joules_per_token, "exogpu_device_token_energy_joules",
     "Energy that it drew for each token, while it computed; mean of the last minute of computing."},
};

constexpr Family kMachineFamilies[] = {
    {wire::Metric::utilization, "exogpu_machine_utilization_ratio", "Share of processor time that was not idle."},
    {wire::Metric::memory_used_bytes, "exogpu_machine_memory_used_bytes", "Host memory that is not available."},
    {wire::Metric::memory_total_bytes, "exogpu_machine_memory_bytes", "Host memory, within the process's limits."},
    {wire::Metric::fan, "exogpu_machine_fan_ratio", "Speed of the fastest fan, of its highest."},
    {wire::Metric::charge, "exogpu_machine_battery_charge_ratio", "Charge of all batteries together."},
    {wire::Metric::on_battery, "exogpu_machine_on_battery", "Whether the machine runs on battery."},
    {wire::Metric::cache_free_bytes, "exogpu_machine_cache_disk_free_bytes", "Left on the disk of the weight cache."},
};

constexpr std::pair<uint32_t, std::string_view> kThrottleReasons[] = {
    {wire::throttling::kHeat, "heat"}, {wire::throttling::kPower, "power"}, {wire::throttling::kBrake, "brake"}};

void add_throttling(PrometheusText& out, const std::vector<telemetry::SubjectTelemetry>& devices) {
  out.begin("exogpu_device_throttling", "gauge", "Whether the device is slower than it could be, for this reason.");
  for (const telemetry::SubjectTelemetry& device : devices) {
    const auto& bits = device.values[wire::Metric::throttling];
    if (!bits) continue;
    for (const auto& [bit, reason] : kThrottleReasons) {
      const bool holds = (static_cast<uint32_t>(*bits) & bit) != 0;
      out.add(holds ? 1 : 0, {{"device", device.subject.id}, {"reason", reason}});
    }
  }
}

void add_devices(PrometheusText& out, const std::vector<telemetry::SubjectTelemetry>& devices) {
  for (const Family& family : kDeviceFamilies) {
    out.begin(family.name, "gauge", family.help);
    for (const telemetry::SubjectTelemetry& device : devices) {
      const auto& value = device.values[family.metric];
      if (value) out.add(*value * family.scale, {{"device", device.subject.id}});
    }
  }
  out.begin("exogpu_device_temperature_limit_celsius", "gauge", "Temperature at which the hardware protects itself.");
  for (const telemetry::SubjectTelemetry& device : devices) {
    const auto& limit = device.subject.temperature_limit_c;
    if (limit) out.add(*limit, {{"device", device.subject.id}});
  }
  out.begin("exogpu_device_suitability_ratio", "gauge", "How well it could take more work: 60 % memory, 40 % compute.");
  for (const telemetry::SubjectTelemetry& device : devices) {
    if (device.suitability) out.add(*device.suitability, {{"device", device.subject.id}});
  }
  add_throttling(out, devices);
}

}  // namespace

void add_machine_and_devices(PrometheusText& out, const telemetry::TelemetrySnapshot& telemetry) {
  if (telemetry.nodes.empty() || telemetry.nodes.front().subjects.empty()) return;
  const auto& subjects = telemetry.nodes.front().subjects;
  for (const Family& family : kMachineFamilies) {
    out.begin(family.name, "gauge", family.help);
    const auto& value = subjects.front().values[family.metric];
    if (value) out.add(*value * family.scale);
  }
  add_devices(out, {subjects.begin() + 1, subjects.end()});
}

}  // namespace exogpu::api
