#include "cluster/reconcile.h"

#include <algorithm>
#include <format>

#include "cluster/fold.h"
#include "cluster/names.h"
#include "cluster/plan_for.h"

namespace exogpu::cluster {
namespace {

using namespace wire;

// Compares everything but the epoch and the stages.
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

// A connection that cannot be opened is no fault of the device: the worker reports it by Agent::plan_broken().
bool gave_up(const LocalStage& stage) {
  return stage.permanent || (stage.failures >= kFailuresMax && stage.progress != StageReadiness::loaded);
}

std::string_view verb(StageReadiness progress) {
  switch (progress) {
    case StageReadiness::nothing: return "fetching";
    case StageReadiness::fetched: return "loading";
    case StageReadiness::loaded: return "connecting";
    case StageReadiness::connected: return "warming";
    case StageReadiness::warm: return "serving";
  }
  return "?";
}

Act act_after(StageReadiness progress) {
  switch (progress) {
    case StageReadiness::nothing: return Act::fetch;
    case StageReadiness::fetched: return Act::load;
    case StageReadiness::loaded: return Act::connect;
    case StageReadiness::connected: return Act::warm;
    case StageReadiness::warm: return Act::none;
  }
  return Act::none;
}

// Unloads the local plan, since the state has another one; `gently`: after its requests have ended.
Action leave(const LocalPlan& local, bool gently, const std::string& why, Time now) {
  if (!gently || !local.busy) return {.act = Act::unload, .why = why};
  if (!local.draining_since) return {.act = Act::drain, .why = why};
  const Time until = *local.draining_since + kDrainMax;
  if (now >= until) return {.act = Act::unload, .why = why + "; requests were still in progress"};
  return {.act = Act::none, .why = why + "; waiting for requests to end", .retry_at = until};
}

Action advance(const ModelView& state, const LocalPlan& local, Time now) {
  std::optional<Time> again;
  std::string why;
  for (const auto& [index, stage] : local.stages) {
    if (stage.progress == StageReadiness::warm) continue;
    if (gave_up(stage)) return {.act = Act::none, .stage = index, .why = "failed: " + stage.failure};
    if (stage.failures > 0 && now < stage.failed_at + back_off(stage.failures)) {
      const Time next = stage.failed_at + back_off(stage.failures);
      again = again ? std::min(*again, next) : next;
      why = std::format("retrying {}: {}", verb(stage.progress), stage.failure);
      continue;
    }
    Action next{.act = act_after(stage.progress), .stage = index, .why = std::string(verb(stage.progress))};
    if (next.act == Act::connect) {
      const auto& stages = state.plan->made.plan.stages;
      next.why += " to node " + name_of(state.nodes, stages[(index + 1) % stages.size()].device.node);
    }
    return next;
  }
  if (again) return {.act = Act::none, .why = why, .retry_at = again};
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
  if (!local.stages.contains(0)) return {.act = Act::none, .why = "ready"};
  return {.act = Act::serve, .stage = 0, .why = "all stages are ready"};
}

}  // namespace

std::string_view to_string(Act act) {
  switch (act) {
    case Act::none: return "none";
    case Act::accept_plan: return "take on";
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

Action next_action(const ModelView& state, const LocalPlan& local, bool has_leader, Time now) {
  if (local.acting) return {.act = Act::none, .why = "at work"};
  if (!has_leader) return {.act = Act::none, .why = "there is no leader"};
  const StagePlan* plan = state.plan ? &state.plan->made.plan : nullptr;
  if (local.plan && (!plan || *plan != *local.plan)) {
    if (plan && plan->epoch > local.epoch_last && same_parts(*plan, *local.plan, local.self) &&
        std::ranges::none_of(local.stages, [](const auto& stage) { return gave_up(stage.second); })) {
      return {.act = Act::adopt, .why = "its layers are the same in the new plan"};
    }
    // The next plan may have the same layers for this node.
    if (!plan && state.model && !local.memory_needed) {
      return {.act = Act::none, .why = state.no_plan_reason};
    }
    // A ring whose nodes and devices all work may finish its requests.
    const auto self = state.nodes.find(local.self);
    const bool gently =
        self != state.nodes.end() && self->second.online &&
        std::ranges::all_of(local.plan->stages, [&](const PlannedStage& stage) {
          const auto node = state.nodes.find(stage.device.node);
          return node != state.nodes.end() && node->second.online && !state.unfit.contains(stage.device);
        });
    return leave(local, gently, plan ? "there is a new plan" : state.no_plan_reason, now);
  }
  if (!plan) return {.act = Act::none, .why = state.no_plan_reason};
  if (own(*plan, local.self).empty()) return {.act = Act::none, .why = "the plan has no layers for this node"};
  if (!local.plan) {
    // The state of a superseded leader may have made this node unload its layers, or accept a later plan.
    if (plan->epoch <= local.epoch_last) return {.act = Act::refuse, .why = "its layers were unloaded meanwhile"};
    return {.act = Act::accept_plan, .why = "the plan has layers for this node"};
  }
  return advance(state, local, now);
}

void accept_plan(LocalPlan& local, const StagePlan& plan) {
  local.epoch_last = plan.epoch;
  local.plan = plan;
  local.stages.clear();
  local.draining_since.reset();
  for (const auto& [index, stage] : own(plan, local.self)) local.stages[index];
}

void adopt(LocalPlan& local, const StagePlan& plan) {
  const auto previous = std::exchange(local.stages, {});
  auto next = previous.begin();
  local.epoch_last = plan.epoch;
  local.plan = plan;
  local.draining_since.reset();
  for (const auto& [index, stage] : own(plan, local.self)) {
    LocalStage& local_stage = local.stages[index];
    local_stage.progress = std::min((next++)->second.progress, StageReadiness::loaded);
  }
}

void unload(LocalPlan& local) {
  local.plan.reset();
  local.stages.clear();
  local.draining_since.reset();
}

std::map<uint32_t, StageStatus> status_of(const LocalPlan& local) {
  std::map<uint32_t, StageStatus> out;
  for (const auto& [index, stage] : local.stages) {
    StageStatus status;
    switch (stage.progress) {
      case StageReadiness::nothing: status.phase = StagePhase::fetching; break;
      case StageReadiness::fetched:
      case StageReadiness::loaded:
      case StageReadiness::connected: status.phase = StagePhase::loading; break;
      case StageReadiness::warm: status.phase = StagePhase::ready; break;
    }
    if (stage.missing && stage.failures >= kMissingReported) status.failure = stage.failure;
    if (gave_up(stage)) status = {.phase = StagePhase::failed, .failure = stage.failure};
    out.emplace(index, std::move(status));
  }
  return out;
}

}  // namespace exogpu::cluster
