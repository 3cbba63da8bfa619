#include "telemetry/suitability.h"

#include <algorithm>

namespace exogpu::telemetry {

using wire::Metric;

std::optional<double> suitability(const wire::MetricValues& values) {
  const auto used = values[Metric::memory_used_bytes], total = values[Metric::memory_total_bytes];
  if (!used || !total || *total <= 0) return std::nullopt;
  const double memory = std::clamp(1 - *used / *total, 0.0, 1.0);
  const double compute = std::clamp(1 - values[Metric::utilization].value_or(0), 0.0, 1.0);
  const double degrees = std::max(0.0, values[Metric::temperature_c].value_or(kHotFromC) - kHotFromC);
  return std::clamp(kMemoryWeight * memory + kComputeWeight * compute - kPenaltyPerDegree * degrees, 0.0, 1.0);
}

}  // namespace exogpu::telemetry
