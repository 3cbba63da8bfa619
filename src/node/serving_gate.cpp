#include "node/serving_gate.h"

#include <format>
#include <utility>

#include "cluster/fold.h"

namespace exogpu::node {

void ServingGate::update(const wire::ReplicatedState& state, const StageReports& reports, const EncoderStatus& encoder,
                         cluster::Time now) {
  const wire::StagePlan* plan = state.plan ? &state.plan->made.plan : nullptr;
  if (plan) without_plan_since_.reset();
  // A plan for another model than the requested one lasts for a moment, and serves no requests.
  const bool requested = plan && state.model && state.model->content == plan->content;
  std::string reason = not_serving_reason(state, reports);
  if (requested && cluster::serving(state) && encoder.encoder && encoder.content == plan->content) {
    return open(*plan, encoder.encoder, reason.empty());
  }
  if (reason.empty()) {
    reason = encoder.error ? encoder.error->message : "this node is getting the model's tokenizer";
  }
  close(plan != nullptr, reason, now);
}

void ServingGate::open(const wire::StagePlan& plan, std::shared_ptr<PromptEncoder> encoder, bool cluster_serves) {
  if (std::exchange(serving_, plan.epoch) == plan.epoch) return;
  if (!noted_.empty() || cluster_serves) note_(std::format("serving {}", plan.model));
  noted_.clear();
  generations_->serve(
      {.model = plan.model, .epoch = plan.epoch, .context = plan.settings.context, .encoder = std::move(encoder)});
}

void ServingGate::close(bool planned, const std::string& reason, cluster::Time now) {
  generations_->stop_serving({ErrorCode::unavailable, reason});
  if (std::exchange(serving_, std::nullopt)) generations_->interrupt_all();
  if (planned) return;
  if (std::exchange(noted_, reason) != reason) note_(reason);
  if (!without_plan_since_) without_plan_since_ = now;
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(now - *without_plan_since_) - kPlanTime;
  if (waited >= std::chrono::milliseconds(0)) {
    generations_->fail_interrupted({ErrorCode::unavailable, reason}, waited);
  }
}

}  // namespace exogpu::node
