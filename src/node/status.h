// The part of a node that reports: has the snapshot of the cluster for any thread, reports the progress of this node's
// stages to the other nodes, and receives theirs.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "cluster/detector.h"
#include "cluster/prediction.h"
#include "node/dispatch.h"
#include "node/snapshot_of.h"
#include "node/transport.h"
#include "wire/pull.h"
#include "wire/role.h"

namespace exogpu::node {

// What the agent knows, at the time of the call.
struct ClusterKnowledge {
  const wire::ReplicatedState& state;
  std::optional<wire::NodeId> leader;
  std::string no_leader_reason;
  std::optional<wire::NodeId> self{};  // this node
  // Of a model of the library; nothing: there is no prediction yet.
  std::function<std::optional<cluster::Prediction>(const wire::LibraryModel&)> predict{};
  std::function<std::optional<wire::Role>(wire::NodeId)> role{};
  std::vector<std::pair<wire::NodeId, wire::PullReport>> pulls{};  // in progress, with the node of each
};

// How long the models were not used, by content id.
using UnusedFor = std::map<std::string, cluster::Duration>;

// On the node's thread, except where marked.
class Status {
 public:
  // Between two snapshots that changes of the state cause: a snapshot of many nodes takes its time.
  static constexpr std::chrono::milliseconds kInterval{100};

  // `knowledge` and `wake_at` are called on the node's thread; update() is due at the time that `wake_at` got last. The
  // transport must outlive this.
  Status(std::function<ClusterKnowledge()> knowledge, Transport& transport, std::function<void(cluster::Time)> wake_at)
      : knowledge_(std::move(knowledge)), transport_(&transport), wake_at_(std::move(wake_at)) {}

  void register_handlers(Dispatch& dispatch);

  // The state, the leader, or a report has changed: update() is due soon.
  void set_changed();
  // Makes the snapshot where one is due.
  void update(cluster::Time now);

  // How far this node's stages are; what is new is sent to all nodes.
  void set_own_reports(StageReports reports);
  // Sends them to a node that has just connected.
  void greet(wire::NodeId peer);
  const StageReports& reports() const { return reports_; }

  // `live`: of the rings that begin here, by the model's content id.
  void set_live(const std::map<std::string, LiveRates>& live, const WeightTraffic& weights,
                const UnusedFor& unused = {});
  void set_model_file_error(std::string error);
  // Replaces an earlier conflict of the same node.
  void add_identity_conflict(IdentityConflict conflict);

  // --- any thread
  std::shared_ptr<const ClusterSnapshot> snapshot() const EXO_EXCLUDES(mutex_);
  // As Service::wait_for_cluster().
  std::shared_ptr<const ClusterSnapshot> wait(uint64_t version, std::chrono::milliseconds timeout) const
      EXO_EXCLUDES(mutex_);
  // Ends all waits, now and later.
  void stop() EXO_EXCLUDES(mutex_);
  // By name or id. Errors: not_found, naming the nodes that there are.
  Result<wire::NodeId> find_node(std::string_view name) const EXO_EXCLUDES(mutex_);

 private:
  void on_report(wire::NodeId from, wire::StageProgress report);
  void publish(ClusterSnapshot snapshot) EXO_EXCLUDES(mutex_);

  std::function<ClusterKnowledge()> knowledge_;
  Transport* transport_;
  std::function<void(cluster::Time)> wake_at_;
  StageReports reports_;      // of all stages
  StageReports own_reports_;  // as they were sent last
  bool changed_ = false;
  cluster::Time updated_at_{};

  mutable Mutex mutex_;
  mutable CondVar published_;
  std::shared_ptr<const ClusterSnapshot> snapshot_ EXO_GUARDED_BY(mutex_) = std::make_shared<const ClusterSnapshot>();
  bool stopped_ EXO_GUARDED_BY(mutex_) = false;
};

}  // namespace exogpu::node
