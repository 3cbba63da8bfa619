// Plans for a cluster: knows its nodes and the model, decides who holds which layers, and whether that is still so.
// No input or output: what happened goes in, what to send comes out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/shard.h"
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
  Leader(wire::NodeId self, LeaderOptions options);

  void set_content(std::string content);
  void joined(wire::NodeInfo info);
  void left(wire::NodeId node);
  void stage_changed(wire::NodeId node, const wire::StageState& state);
  // The ring of this plan can do no more.
  void broken(wire::PlanEpoch epoch, const Error& why);

  // Looks at the plan again. A new one where there is none, where it lost a device, or where another is a tenth faster
  // and nobody is being served (`idle`); otherwise nothing.
  std::optional<wire::StagePlan> plan(bool idle);

  const std::optional<wire::StagePlan>& current() const { return plan_; }
  // Whether somebody is being answered, as the node of the first stage has told.
  bool busy() const { return plan_ && stages_.front().busy; }

  // Whether all stages of the plan are ready.
  bool serving() const;
  wire::ClusterState describe() const;

 private:
  struct StageStatus {
    wire::StagePhase phase = wire::StagePhase::waiting;
    Bytes done = 0, total = 0;
    bool busy = false;
  };
  wire::ClusterView view() const;
  Result<placement::Answer> place() const;
  bool intact() const;
  double step_cost_tokens(const wire::Plan& plan) const;
  std::string page() const;

  wire::NodeId self_;
  LeaderOptions options_;
  std::map<wire::NodeId, wire::NodeInfo> nodes_;
  std::map<wire::DeviceRef, std::string> unfit_;  // devices that could not load their part, and why
  std::optional<placement::Answer> answer_;
  std::optional<wire::StagePlan> plan_;
  std::vector<StageStatus> stages_;
  std::string lost_;  // what ended the last plan
  std::string why_not_ = "no plan has been made yet";
  uint64_t next_epoch_;
};

}  // namespace exogpu::node
