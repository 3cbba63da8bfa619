// Decides what of its samples a node reports to others, and when: an idle node reports next to nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "telemetry/sample.h"
#include "wire/telemetry.h"

namespace exogpu::telemetry {

// Whether a value differs so much from the one reported last that it is worth a report. For the bounds of each metric
// see docs/telemetry.md.
bool is_change(wire::Metric metric, const std::optional<double>& reported, const std::optional<double>& now);

struct Report {
  std::optional<wire::TelemetryRegistration> registration{};  // to be sent first
  std::optional<wire::TelemetryHeartbeat> heartbeat{};
};

// Pure. All receivers get the same reports; one that comes later gets welcome() first.
class Reporter {
 public:
  // While nothing is computed, changes are gathered for so long, but for those that concern plans at once.
  static constexpr std::chrono::seconds kIdleEvery{5};

  // `session`: of the first registration; random.
  explicit Reporter(uint64_t session) : session_(session) {}

  Report update(const Sample& sample, bool busy, uint64_t unix_ms);
  // What a new receiver needs; empty before the first sample.
  Report welcome(uint64_t unix_ms) const;

 private:
  wire::TelemetryRegistration registration() const;

  uint64_t session_;
  std::vector<wire::TelemetrySubject> subjects_;
  std::vector<wire::MetricValues> reported_;
  std::optional<Time> reported_at_;
};

}  // namespace exogpu::telemetry
