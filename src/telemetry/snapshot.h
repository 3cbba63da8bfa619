// The telemetry of the cluster at one moment, as one node knows it: plain values, for the API, bindings and dashboards.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "telemetry/sample.h"
#include "wire/node_id.h"
#include "wire/telemetry.h"

namespace exogpu::telemetry {

struct MetricHistory {
  wire::Metric metric{};
  std::vector<std::optional<float>> values{};  // the oldest first, up to now
};

struct SubjectTelemetry {
  wire::TelemetrySubject subject{};
  wire::MetricValues values{};
  std::optional<double> suitability{};   // of a device; see telemetry/suitability.h
  std::vector<MetricHistory> history{};  // those that were asked for and have a value
};

struct NodeTelemetry {
  wire::NodeId node{};
  std::string name{};                        // empty: the cluster's state does not have it
  double age_s = 0;                          // since it reported last; a node reports changes only
  std::optional<double> clock_offset_s{};    // how far its clock is ahead of this node's; absent of this node
  std::vector<SubjectTelemetry> subjects{};  // the machine first
};

struct TelemetrySnapshot {
  bool complete = false;  // this node gets the telemetry of all others: it leads, or was asked a moment ago
  double step_s = 0.5;    // between values of a history
  std::vector<NodeTelemetry> nodes{};  // by name
};

// What of the past is wanted.
struct HistoryQuery {
  size_t values = 0;    // of each metric; 0: only what is now
  bool coarse = false;  // means over 10 s in place of samples
  bool all = true;      // of the other nodes, too, which are asked for theirs
};

// A device, for a list of the best ones.
struct RankedDevice {
  std::string node{}, device{};
  double suitability = 0;
  double memory_free_bytes = 0;
};

// The devices that have so much memory free, the most suitable first; ties by name. The first is the best for a task
// that needs this memory.
std::vector<RankedDevice> ranking(const TelemetrySnapshot& snapshot, double memory_bytes = 0);

}  // namespace exogpu::telemetry
