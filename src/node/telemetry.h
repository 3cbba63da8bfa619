// The part of a node that knows how devices are: it samples those of this machine, reports them to the leader and to
// nodes that ask, collects what others report, and finds alerts in it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/mutex.h"
#include "node/dispatch.h"
#include "node/transport.h"
#include "telemetry/alerts/alert_rules.h"
#include "telemetry/collection.h"
#include "telemetry/reporter.h"
#include "telemetry/sampler.h"
#include "telemetry/snapshot.h"
#include "wire/telemetry.h"

namespace exogpu::node {

struct TelemetryHost {
  // All on the node's thread.
  std::function<std::optional<wire::NodeId>()> leader;
  std::function<bool()> busy;                                // something is computed on this node
  std::function<void(telemetry::Sample& sample)> on_sample;  // may add what only the node knows
  // What is known of the cluster beside telemetry, with names for these nodes. `leads`: of all, else of this node's own
  // models only.
  std::function<telemetry::AlertFacts(bool leads, std::vector<telemetry::NodeTelemetry> telemetry)> facts;
  std::function<void(const wire::Alert& alert, bool begun)> on_alert;
  std::function<uint64_t()> unix_ms;
};

// On the node's thread, except where marked. The transport must outlive it.
class Telemetry {
 public:
  // After a client asked for telemetry, the node gets that of all others for so long.
  static constexpr std::chrono::seconds kWatchFor{60}, kWatchAgainAfter{30};

  // `session`: random.
  Telemetry(wire::NodeId self, uint64_t session, Transport& transport, TelemetryHost host)
      : self_(self), transport_(&transport), host_(std::move(host)), reporter_(session) {}

  void register_handlers(Dispatch& dispatch);
  void on_sample(telemetry::Sample sample) EXO_EXCLUDES(mutex_);
  void on_link_up(wire::NodeId peer) EXO_EXCLUDES(mutex_);
  void on_link_down(wire::NodeId peer) EXO_EXCLUDES(mutex_);

  // --- any thread
  // Without names. Asks the other nodes for theirs, so a later snapshot has them.
  telemetry::TelemetrySnapshot snapshot(const telemetry::HistoryQuery& query) const EXO_EXCLUDES(mutex_);
  std::vector<wire::Alert> alerts() const EXO_EXCLUDES(mutex_);

 private:
  bool leads() const { return host_.leader() == self_; }
  void report(const telemetry::Sample& sample);
  void send(wire::NodeId to, const telemetry::Report& report);
  std::set<wire::NodeId> receivers(telemetry::Time now);
  void watch(telemetry::Time now) EXO_EXCLUDES(mutex_);
  void judge(telemetry::Time now) EXO_EXCLUDES(mutex_);
  void on_alerts(wire::NodeId from, wire::AlertsReported message) EXO_EXCLUDES(mutex_);
  void publish_alerts() EXO_EXCLUDES(mutex_);

  wire::NodeId self_;
  Transport* transport_;
  TelemetryHost host_;
  telemetry::Reporter reporter_;
  telemetry::AlertRules rules_;
  std::map<wire::NodeId, telemetry::Time> watchers_;  // nodes that asked, until when
  std::set<wire::NodeId> welcomed_;                   // nodes that have all of this node's values
  std::vector<wire::Alert> of_leader_;                // as it reported them last
  bool led_ = false;
  uint32_t samples_ = 0;
  std::optional<telemetry::Time> watched_at_, watching_since_;

  mutable std::atomic<int64_t> asked_at_ms_{0};  // by the steady clock, by a client; 0: never
  mutable Mutex mutex_;
  telemetry::Collection collection_ EXO_GUARDED_BY(mutex_);
  std::vector<wire::Alert> alerts_ EXO_GUARDED_BY(mutex_);
  bool complete_ EXO_GUARDED_BY(mutex_) = false;
};

}  // namespace exogpu::node
