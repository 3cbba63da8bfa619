#include "node/serving_gate.h"

#include <format>
#include <utility>

#include "cluster/fold.h"

namespace exogpu::node {

void ServingGate::update(const wire::ReplicatedState& state, const StageReports& reports, const EncoderStatus& encoder,
                         cluster::Time now) {
  const auto found = state.models.find(content_);
  // What is in flight may end; the ring interrupts what it cannot end.
  const bool wanted_anew = !std::exchange(in_state_, found != state.models.end()) && in_state_;
  if (!in_state_) return close(false, false, std::string(cluster::kNotServed), now);
  const wire::ModelRecord& model = found->second;
  // A plan that no node has the weights for is none.
  const bool planned = model.plan && cluster::missing_weights(model).empty();
  if (planned || wanted_anew) without_plan_since_.reset();
  if (wanted_anew) generations_->expect_plan();
  std::string reason = not_serving_reason(state, model, reports);
  if (cluster::serving(model) && encoder.encoder) {
    return open(model.plan->made.plan, encoder.encoder, reason.empty());
  }
  if (reason.empty()) {
    reason = encoder.error ? encoder.error->message : "this node is getting the model's tokenizer";
  }
  close(planned, true, reason, now);
}

void ServingGate::open(const wire::StagePlan& plan, std::shared_ptr<PromptEncoder> encoder, bool cluster_serves) {
  if (std::exchange(serving_, plan.epoch) == plan.epoch) return;
  if (!noted_.empty() || cluster_serves) note_(std::format("serving {}", plan.model));
  noted_.clear();
  generations_->serve({.model = plan.model,
                       .epoch = plan.epoch,
                       .context = plan.settings.context,
                       .encoder = std::move(encoder),
                       .batch = plan.settings.batch_tokens});
}

void ServingGate::close(bool planned, bool interrupts, const std::string& reason, cluster::Time now) {
  generations_->stop_serving({ErrorCode::unavailable, reason});
  if (std::exchange(serving_, std::nullopt) && interrupts) generations_->interrupt_all();
  if (planned) return;
  if (std::exchange(noted_, reason) != reason) note_(reason);
  if (!without_plan_since_) without_plan_since_ = now;
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(now - *without_plan_since_) - kPlanTime;
  if (waited >= std::chrono::milliseconds(0)) {
    generations_->fail_interrupted({ErrorCode::unavailable, reason}, waited);
  }
}

}  // namespace exogpu::node
