// Plans for a cluster: knows its nodes and the model, decides who holds which layers, and whether that is still so.
// No input or output, and no clock: what happened goes in, what to send comes out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/shard.h"
#include "node/link_faults.h"
#include "placement/placement.h"
#include "wire/cluster.h"
#include "wire/model_shape.h"

namespace exogpu::node {

struct LeaderOptions {
  std::string model;    // as requests name it
  std::string content;  // its content id; empty while it is being found out
  wire::ModelShape shape;
  engine::ShardOptions shard;
  std::string kv_type = "f16";
  placement::Wishes wishes;          // but for devices by name
  std::string layers;                // by hand, as placement::parse_layers() reads them; empty: planned
  std::vector<std::string> without;  // devices, by name
  uint64_t first_epoch = 1;          // higher than any that the cluster had before
};

// One thread.
class Leader {
 public:
  using Time = LinkFaults::Time;

  Leader(wire::NodeId self, LeaderOptions options);

  void set_content(std::string content);
  void joined(wire::NodeInfo info);
  void left(wire::NodeId node);
  void stage_changed(wire::NodeId node, const wire::StageState& state);
  // The ring of this plan can do no more. `link`: since the connection of these two is lost.
  void broken(wire::PlanEpoch epoch, const Error& why, std::optional<LinkFaults::Pair> link, Time now);

  // Looks at the plan again. A new one where there is none, where it lost a device, or where another is a tenth faster
  // and nobody is being served (`idle`); otherwise nothing.
  std::optional<wire::StagePlan> plan(bool idle, Time now);

  const std::optional<wire::StagePlan>& current() const { return plan_; }
  // Whether somebody is being answered, as the node of the first stage has told.
  bool busy() const { return plan_ && stages_.front().busy; }

  // Whether all stages of the plan are ready.
  bool serving() const;
  wire::ClusterState describe() const;
  // What people call a node here: its own name, and where two have the same, something of its id as well.
  std::string name_of(wire::NodeId node) const;
  // How often the placement was worked out; the same question is not asked twice.
  uint64_t placements() const { return placements_; }

 private:
  struct StageStatus {
    wire::StagePhase phase = wire::StagePhase::waiting;
    Bytes done = 0, total = 0;
    bool busy = false;
  };
  struct Placed {
    std::set<LinkFaults::Pair> without;
    Result<placement::Answer> answer;
  };
  wire::ClusterView view(const std::set<LinkFaults::Pair>& without) const;
  Result<placement::Answer> place(const std::set<LinkFaults::Pair>& without) const;
  std::string faults() const;
  bool intact() const;
  double step_cost_tokens(const wire::Plan& plan) const;
  std::string page() const;

  wire::NodeId self_;
  LeaderOptions options_;
  std::map<wire::NodeId, wire::NodeInfo> nodes_;
  std::map<wire::DeviceRef, std::string> unfit_;  // devices that could not load their part, and why
  LinkFaults faults_;
  std::optional<Placed> placed_;  // for nodes_ and unfit_ as they are now
  uint64_t placements_ = 0;
  std::optional<placement::Answer> answer_;
  std::optional<wire::StagePlan> plan_;
  std::vector<StageStatus> stages_;
  std::string lost_;  // what ended the last plan
  std::string why_not_ = "no plan has been made yet";
  uint64_t next_epoch_;
};

}  // namespace exogpu::node
