#include "telemetry/snapshot.h"

#include <algorithm>
#include <tuple>

namespace exogpu::telemetry {

std::vector<RankedDevice> ranking(const TelemetrySnapshot& snapshot, double memory_bytes) {
  using wire::Metric;
  std::vector<RankedDevice> devices;
  for (const NodeTelemetry& node : snapshot.nodes) {
    for (const SubjectTelemetry& each : node.subjects) {
      if (!each.suitability) continue;
      const double free = *each.values[Metric::memory_total_bytes] - *each.values[Metric::memory_used_bytes];
      if (free < memory_bytes) continue;
      devices.push_back({.node = node.name,
                         .device = each.subject.id,
                         .suitability = *each.suitability,
                         .memory_free_bytes = std::max(0.0, free)});
    }
  }
  std::ranges::sort(devices, {}, [](const RankedDevice& device) {
    return std::tuple(-device.suitability, device.node, device.device);
  });
  return devices;
}

}  // namespace exogpu::telemetry
