// The rules of alerts: each finds at one moment whether it holds for one thing. docs/telemetry.md lists them.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "telemetry/alerts/facts.h"
#include "telemetry/sample.h"
#include "wire/telemetry.h"

namespace exogpu::telemetry {

// What a rule finds beyond the bound where its alert ends. The alert begins once `begins` has been true for `after`,
// and ends once nothing has been found for `until`.
struct Finding {
  wire::Alert alert;    // without since when
  bool begins = false;  // also beyond the bound where it begins
  Duration after{};
  Duration until{};
};
// Absent also where there is no such sensor.
using MaybeFinding = std::optional<Finding>;

MaybeFinding device_hot(const std::string& node, const SubjectTelemetry& device);
MaybeFinding device_throttling(const std::string& node, const SubjectTelemetry& device);
MaybeFinding device_memory_low(const std::string& node, const SubjectTelemetry& device);

MaybeFinding results_differ(const DifferingDevice& device);

MaybeFinding clock_skew(const NodeTelemetry& node);
MaybeFinding battery_low(const std::string& node, const wire::MetricValues& machine);
MaybeFinding cache_disk_full(const std::string& node, const wire::MetricValues& machine);

// `losses`: so often it went offline within the last ten minutes.
MaybeFinding node_flapping(const NodeFacts& node, size_t losses);
MaybeFinding node_memory_low(const NodeFacts& node);
MaybeFinding version_skew(const std::set<std::string>& versions);

MaybeFinding link_lossy(const LinkFacts& link);
// `best`: the highest rate that was measured of it.
MaybeFinding link_slow(const LinkFacts& link, double best);

MaybeFinding slower_than_predicted(const ModelFacts& model);
MaybeFinding no_spare_copy(const ModelFacts& model);

}  // namespace exogpu::telemetry
