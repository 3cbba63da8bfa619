#include "telemetry/sample.h"

namespace exogpu::telemetry {
namespace {

// Absent where no reason is known, so that "does not throttle" is told apart.
std::optional<double> throttling_of(const gpu::Readings& readings) {
  if (!readings.throttled && !readings.power_limited && !readings.braked) return std::nullopt;
  uint32_t reasons = 0;
  if (readings.throttled.value_or(false)) reasons |= wire::throttling::kHeat;
  if (readings.power_limited.value_or(false)) reasons |= wire::throttling::kPower;
  if (readings.braked.value_or(false)) reasons |= wire::throttling::kBrake;
  return reasons;
}

std::optional<double> number_of(const std::optional<Bytes>& bytes) {
  return bytes ? std::optional(static_cast<double>(*bytes)) : std::nullopt;
}

}  // namespace

wire::MetricValues values_of(const gpu::Readings& readings) {
  using wire::Metric;
  wire::MetricValues values;
  values[Metric::memory_used_bytes] = number_of(readings.memory_used_bytes);
  values[Metric::memory_total_bytes] = number_of(readings.memory_total_bytes);
  values[Metric::utilization] = readings.utilization;
  values[Metric::power_w] = readings.power_w;
  values[Metric::temperature_c] = readings.temperature_c;
  values[Metric::clock_mhz] = readings.clock_mhz;
  values[Metric::throttling] = throttling_of(readings);
  values[Metric::fan] = readings.fan;
  return values;
}

}  // namespace exogpu::telemetry
