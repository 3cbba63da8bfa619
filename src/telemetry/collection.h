// What a node knows of the telemetry of others and of itself: the last values, and their history.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "telemetry/history.h"
#include "telemetry/sample.h"
#include "telemetry/snapshot.h"
#include "wire/node_id.h"
#include "wire/telemetry.h"

namespace exogpu::telemetry {

// Pure.
class Collection {
 public:
  // Of all histories: beyond it, nodes that are lost are forgotten, and what is new has no history.
  static constexpr Bytes kHistoryBytesMax = 64 * MiB;

  // A node that registers again with the same subjects keeps its history.
  void on_registration(wire::NodeId node, const wire::TelemetryRegistration& registration, Time now);
  // Of another session than that of the last registration: ignored.
  void on_heartbeat(wire::NodeId node, const wire::TelemetryHeartbeat& heartbeat, Time now, uint64_t unix_ms);
  // Of this node itself, as it was measured.
  void on_sample(wire::NodeId self, const Sample& sample);
  // Its values are absent from now on; its history stays for a while.
  void on_lost(wire::NodeId node);
  void forget(wire::NodeId node) { nodes_.erase(node); }

  // The values of this moment go into the histories; to be called about every 0.5 s.
  void advance(Time now);

  bool knows(wire::NodeId node) const { return nodes_.contains(node); }
  std::vector<NodeTelemetry> nodes(Time now, const HistoryQuery& query) const;
  Bytes bytes() const;  // of all histories

 private:
  struct Subject {
    wire::TelemetrySubject subject;
    wire::MetricValues values;
    History history;
  };
  struct Entry {
    uint64_t session = 0;
    bool lost = false;
    Time heard_at{};
    std::optional<double> clock_offset_s;
    std::vector<Subject> subjects;
  };
  static void set_subjects(Entry& entry, const std::vector<wire::TelemetrySubject>& subjects);
  static SubjectTelemetry telemetry_of(const Subject& subject, const HistoryQuery& query);

  std::map<wire::NodeId, Entry> nodes_;
  std::optional<Time> began_at_;
};

}  // namespace exogpu::telemetry
