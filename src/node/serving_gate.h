// Decides whether this node takes requests for a model, and for which ring: they are taken while all stages of the
// model's plan are ready and this node has its tokenizer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cluster/detector.h"
#include "node/generations.h"
#include "node/snapshot_of.h"

namespace exogpu::node {

// The tokenizer and template that this node has.
struct EncoderStatus {
  std::shared_ptr<PromptEncoder> encoder{};  // null: none
  std::optional<Error> error{};              // why there is none
};

// On the node's thread.
class ServingGate {
 public:
  // For the leader to make a new plan when one has ended. Requests wait so long in any case.
  static constexpr std::chrono::milliseconds kPlanTime{600};

  // For the model with this content id. `generations` must outlive it.
  ServingGate(std::string content, Generations& generations, std::function<void(const std::string&)> note)
      : content_(std::move(content)), generations_(&generations), note_(std::move(note)) {}

  // To be called when one of these has changed, and now and then.
  void update(const wire::ReplicatedState& state, const StageReports& reports, const EncoderStatus& encoder,
              cluster::Time now);

  // The plan whose ring takes requests of this node.
  std::optional<wire::PlanEpoch> serving() const { return serving_; }

 private:
  void open(const wire::StagePlan& plan, std::shared_ptr<PromptEncoder> encoder, bool cluster_serves);
  void close(bool planned, bool interrupts, const std::string& reason, cluster::Time now);

  std::string content_;
  Generations* generations_;
  std::function<void(const std::string&)> note_;
  std::optional<wire::PlanEpoch> serving_;
  std::string noted_;  // why there is no plan, as it was noted last
  std::optional<cluster::Time> without_plan_since_;
  bool in_state_ = false;  // the model is to be served
};

}  // namespace exogpu::node
