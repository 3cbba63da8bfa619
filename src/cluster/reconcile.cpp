#include "cluster/reconcile.h"

#include <algorithm>
#include <format>

#include "cluster/fold.h"
#include "cluster/names.h"
#include "cluster/plan_for.h"

namespace exogpu::cluster {
namespace {

using namespace wire;

// All but the epoch and the stages.
bool same_settings(const StagePlan& a, const StagePlan& b) {
  StagePlan other = b;
  other.epoch = a.epoch;
  other.stages = a.stages;
  other.step_cost_tokens = a.step_cost_tokens;
  return a == other;
}

std::map<uint32_t, PlannedStage> own(const StagePlan& plan, NodeId self) {
  std::map<uint32_t, PlannedStage> stages;
  for (uint32_t i = 0; i < plan.stages.size(); ++i) {
    if (plan.stages[i].device.node == self) stages.emplace(i, plan.stages[i]);
  }
  return stages;
}

bool same_parts(const StagePlan& a, const StagePlan& b, NodeId self) {
  const auto ours = own(a, self), theirs = own(b, self);
  return same_settings(a, b) &&
         std::ranges::equal(ours, theirs, [](const auto& x, const auto& y) { return x.second == y.second; });
}

// A link that does not come is no fault of the device: Agent::plan_broken() tells of it.
bool given_up(const HeldStage& stage) {
  return stage.hopeless || (stage.failures >= kFailuresMax && stage.progress != Progress::loaded);
}

std::string_view verb(Progress progress) {
  switch (progress) {
    case Progress::nothing: return "fetching";
    case Progress::fetched: return "loading";
    case Progress::loaded: return "connecting";
    case Progress::connected: return "warming";
    case Progress::warm: return "serving";
  }
  return "?";
}

Act act_after(Progress progress) {
  switch (progress) {
    case Progress::nothing: return Act::fetch;
    case Progress::fetched: return Act::load;
    case Progress::loaded: return Act::connect;
    case Progress::connected: return Act::warm;
    case Progress::warm: return Act::none;
  }
  return Act::none;
}

// Away from what is held, since the state wants something else.
Action leave(const Holding& holding, bool gently, const std::string& why, Time now) {
  if (!gently || !holding.busy) return {.act = Act::unload, .why = why};
  if (!holding.draining_since) return {.act = Act::drain, .why = why};
  const Time until = *holding.draining_since + kDrainMax;
  if (now >= until) return {.act = Act::unload, .why = why + "; requests were still under way"};
  return {.act = Act::none, .why = why + "; waiting for requests to end", .again = until};
}

Action advance(const ReplicatedState& state, const Holding& holding, Time now) {
  std::optional<Time> again;
  std::string why;
  for (const auto& [index, stage] : holding.stages) {
    if (stage.progress == Progress::warm) continue;
    if (given_up(stage)) return {.act = Act::none, .stage = index, .why = "given up: " + stage.failure};
    if (stage.failures > 0 && now < stage.failed_at + back_off(stage.failures)) {
      const Time next = stage.failed_at + back_off(stage.failures);
      again = again ? std::min(*again, next) : next;
      why = std::format("{} is tried again: {}", verb(stage.progress), stage.failure);
      continue;
    }
    Action next{.act = act_after(stage.progress), .stage = index, .why = std::string(verb(stage.progress))};
    if (next.act == Act::connect) {
      const auto& stages = state.plan->made.plan.stages;
      next.why += " to node " + name_of(state, stages[(index + 1) % stages.size()].device.node);
    }
    return next;
  }
  if (again) return {.act = Act::none, .why = why, .again = again};
  const StagePlan& plan = state.plan->made.plan;
  if (!serving(state)) {
    for (size_t i = 0; i < plan.stages.size(); ++i) {
      const StageStatus& status = state.plan->stages[i];
      if (status.phase == StagePhase::ready) continue;
      const auto node = state.nodes.find(plan.stages[i].device.node);
      return {.act = Act::none,
              .why = std::format("waiting for {}/{}, which is {}",
                                 node == state.nodes.end() ? plan.stages[i].device.node.short_text()
                                                           : node->second.facts.info.self.name,
                                 plan.stages[i].device.device, to_string(status.phase))};
    }
  }
  if (!holding.stages.contains(0)) return {.act = Act::none, .why = "ready"};
  return {.act = Act::serve, .stage = 0, .why = "all stages are ready"};
}

}  // namespace

std::string_view to_string(Act act) {
  switch (act) {
    case Act::none: return "none";
    case Act::take_on: return "take on";
    case Act::adopt: return "adopt";
    case Act::fetch: return "fetch";
    case Act::load: return "load";
    case Act::connect: return "connect";
    case Act::warm: return "warm";
    case Act::serve: return "serve";
    case Act::drain: return "drain";
    case Act::unload: return "unload";
    case Act::refuse: return "refuse";
  }
  return "?";
}

Duration back_off(uint32_t failures) {
  return std::chrono::milliseconds(250) * (1 << std::min<uint32_t>(failures > 0 ? failures - 1 : 0, 5));
}

Action next_action(const ReplicatedState& state, const Holding& holding, bool obeys, Time now) {
  if (holding.acting) return {.act = Act::none, .why = "at work"};
  if (!obeys) return {.act = Act::none, .why = "there is no master"};
  const StagePlan* plan = state.plan ? &state.plan->made.plan : nullptr;
  if (holding.plan && (!plan || *plan != *holding.plan)) {
    if (plan && plan->epoch > holding.epoch_last && same_parts(*plan, *holding.plan, holding.self) &&
        std::ranges::none_of(holding.stages, [](const auto& stage) { return given_up(stage.second); })) {
      return {.act = Act::adopt, .why = "its part is the same in the new plan"};
    }
    // There may soon be a plan that has the same part for this node.
    if (!plan && state.model && state.model->content == holding.plan->content) {
      return {.act = Act::none, .why = state.why_not};
    }
    // A ring that still goes round may finish what it has begun.
    const auto self = state.nodes.find(holding.self);
    const bool gently =
        self != state.nodes.end() && self->second.alive &&
        std::ranges::all_of(holding.plan->stages, [&](const PlannedStage& stage) {
          const auto node = state.nodes.find(stage.device.node);
          return node != state.nodes.end() && node->second.alive && !node->second.unfit.contains(stage.device.device);
        });
    return leave(holding, gently, plan ? "there is a new plan" : state.why_not, now);
  }
  if (!plan) return {.act = Act::none, .why = state.why_not};
  if (own(*plan, holding.self).empty()) return {.act = Act::none, .why = "the plan has no part for this node"};
  if (!holding.plan) {
    // A state that was superseded may have told this node to give its part up, or of a later plan.
    if (plan->epoch <= holding.epoch_last) return {.act = Act::refuse, .why = "its part was given up meanwhile"};
    return {.act = Act::take_on, .why = "the plan has a part for this node"};
  }
  return advance(state, holding, now);
}

void take_on(Holding& holding, const StagePlan& plan) {
  holding.epoch_last = plan.epoch;
  holding.plan = plan;
  holding.stages.clear();
  holding.draining_since.reset();
  for (const auto& [index, stage] : own(plan, holding.self)) holding.stages[index];
}

void adopt(Holding& holding, const StagePlan& plan) {
  const auto held = std::exchange(holding.stages, {});
  auto next = held.begin();
  holding.epoch_last = plan.epoch;
  holding.plan = plan;
  holding.draining_since.reset();
  for (const auto& [index, stage] : own(plan, holding.self)) {
    HeldStage& kept = holding.stages[index];
    kept.progress = std::min((next++)->second.progress, Progress::loaded);
  }
}

void unload(Holding& holding) {
  holding.plan.reset();
  holding.stages.clear();
  holding.draining_since.reset();
}

std::map<uint32_t, StageStatus> status_of(const Holding& holding) {
  std::map<uint32_t, StageStatus> out;
  for (const auto& [index, stage] : holding.stages) {
    StageStatus status;
    switch (stage.progress) {
      case Progress::nothing: status.phase = StagePhase::fetching; break;
      case Progress::fetched:
      case Progress::loaded:
      case Progress::connected: status.phase = StagePhase::loading; break;
      case Progress::warm: status.phase = StagePhase::ready; break;
    }
    if (given_up(stage)) status = {.phase = StagePhase::failed, .failure = stage.failure};
    out.emplace(index, std::move(status));
  }
  return out;
}

}  // namespace exogpu::cluster
