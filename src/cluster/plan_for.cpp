#include "cluster/plan_for.h"

#include <algorithm>
#include <format>
#include <map>
#include <set>

#include "cluster/circuits.h"
#include "cluster/condition.h"
#include "cluster/fold.h"
#include "cluster/names.h"
#include "cluster/plan_input.h"
#include "cluster/plan_search.h"
#include "cluster/prompt_batch.h"
#include "placement/precision.h"

namespace exogpu::cluster {
namespace {

using namespace wire;

// The gain in speed that justifies moving a loaded model.
constexpr double kWorthMoving = 1.10;

std::map<DeviceRef, Bytes> bytes_needed(const PlanMade& made) {
  std::map<DeviceRef, Bytes> needed;
  for (size_t i = 0; i < made.plan.stages.size(); ++i) needed[made.plan.stages[i].device] += made.stage_bytes[i];
  return needed;
}

// A soft constraint that the current plan violates, and how.
struct Violation {
  placement::Soft soft;
  std::string reason;
};

std::vector<Violation> violations(const ModelView& state) {
  std::vector<Violation> found;
  if (!state.plan) return found;
  const std::vector<placement::DeviceRule> circuits = circuit_rules(state.nodes);
  for (const auto& [device, needed] : bytes_needed(state.plan->made)) {
    const auto node = state.nodes.find(device.node);
    const DeviceProfile* profile = find_device(state.nodes, device);
    if (!profile) continue;
    for (const placement::DeviceRule& rule : rules_of(node->second, device)) {
      const auto soft = placement::soft_of(rule.rule);
      if (soft) found.push_back({*soft, std::format("{}: {}", name_of(state.nodes, device), rule.reason)});
    }
    for (const placement::DeviceRule& rule : circuits) {
      if (rule.device == device)
        found.push_back({placement::Soft::power, std::format("{}: {}", name_of(state.nodes, device), rule.reason)});
    }
    const Bytes left = memory_left(state, *profile, {});
    if (left >= std::min(needed, profile->memory_free)) continue;
    found.push_back(
        {placement::Soft::memory, std::format("{} is short of memory and leaves {} to its layers, which need {}",
                                              name_of(state.nodes, device), format_bytes(left), format_bytes(needed))});
  }
  return found;
}

// The first violation of a constraint that a plan with these given up meets; empty when there is none.
std::string avoidable(const std::vector<Violation>& violations, placement::GivenUp given_up) {
  for (const Violation& violation : violations) {
    if (!given_up.has(violation.soft)) return violation.reason;
  }
  return {};
}

// At the stage with the largest fixed cost. A step reads all weights however many tokens it has, so its fixed cost is
// at least that of one token alone; more on a GPU that few tokens do not fill.
StepCost step_cost(const ModelView& state, const Plan& plan) {
  StepCost cost;
  for (const Stage& stage : plan.stages) {
    const DeviceProfile* device = find_device(state.nodes, stage.device);
    if (!device || device->rates.empty()) continue;
    double flops = 0;
    for (uint32_t layer = stage.layers.begin; layer < stage.layers.end; ++layer) {
      flops += state.model->shape.layers[layer].flops_per_token;
    }
    const double token_s = flops / device->rates.front().matmul_flops_per_s;
    cost.tokens = std::max({cost.tokens, (stage.decode_s + stage.hop_s) / token_s, device->fixed_columns});
    cost.token_s = std::max(cost.token_s, token_s);
  }
  return cost;
}

// 0: nothing streams.
Bytes weight_budget(const Stage& stage) { return stage.layers_streamed > 0 ? stage.memory.weights : 0; }

bool same_stages(const Plan& plan, const StagePlan& running) {
  return std::ranges::equal(plan.stages, running.stages, [](const Stage& a, const PlannedStage& b) {
    return a.device == b.device && a.layers == b.layers && weight_budget(a) == b.weight_budget;
  });
}

template <typename Stages>
size_t devices_of(const Stages& stages) {
  std::set<DeviceRef> devices;
  for (const auto& stage : stages) devices.insert(stage.device);
  return devices.size();
}

// A node that takes no part, and whose loss may have ended the plan, for the reason why there is no new one.
std::string lost(const ModelView& state) {
  for (const auto& [id, node] : state.nodes) {
    if (!takes_part(node)) return std::format("node {} {}; ", name_of(state.nodes, id), excluded_reason(node));
  }
  return {};
}

// What is longer by a plan for it, is for as long as the next plan can be: conversations may have grown into it.
ServingSettings settings_to_keep(const ModelView& state, const PlanMade* before) {
  ServingSettings settings = state.model->settings;
  if (before == nullptr || !same_model(*state.model, before->plan)) return settings;
  settings.context = std::max(settings.context, before->plan.settings.context);
  settings.pool_tokens = std::max(settings.pool_tokens, before->plan.settings.pool_tokens);
  return settings;
}

// As many tokens of a prompt in a step as pay on the only device of the plan.
ServingSettings with_batch(const ModelView& state, const Plan& plan, ServingSettings settings, StepCost cost) {
  if (plan.stages.size() > 1) return settings;
  const Stage& stage = plan.stages.front();
  const DeviceProfile* device = find_device(state.nodes, stage.device);
  const Bytes needed = stage.memory.total();
  const Bytes room = device && device->memory_free > needed ? device->memory_free - needed : 0;
  settings.batch_tokens = prompt_batch(settings, cost, stage.memory.compute, room);
  return settings;
}

// For so many tokens of a step, where `memory` is that for as many as the model's settings say.
Bytes bytes_of(const StageMemory& memory, const ServingSettings& planned, const ServingSettings& of_model) {
  return memory.weights + memory.cache + memory.compute * planned.batch_tokens / of_model.batch_tokens;
}

PlanMade made_of(const ModelView& state, const placement::PlacementResult& found, PlanEpoch epoch,
                 const ServingSettings& settings) {
  const Plan& best = found.plan;
  const ServedModel& model = *state.model;
  PlanMade made{.plan = {.epoch = epoch,
                         .model = model.model,
                         .content = model.content,
                         .stages = {},
                         .settings = settings,
                         .step_cost_tokens = step_cost(state, best).tokens},
                .stage_bytes = {},
                .predicted = best.predicted,
                .unused = {}};
  for (const Stage& stage : best.stages) {
    made.plan.stages.push_back({.device = stage.device, .layers = stage.layers, .weight_budget = weight_budget(stage)});
    const DeviceProfile* device = find_device(state.nodes, stage.device);
    const double growth = device ? placement::precision_of(*device, model.shape).growth : 1;
    const Bytes bytes = bytes_of(stage.memory, made.plan.settings, model.settings);
    made.stage_bytes.push_back(static_cast<Bytes>(static_cast<double>(bytes) * growth));
  }
  for (const placement::UnusedDevice& unused : found.unused) {
    if (made.unused.size() == kUnusedDevicesMax) break;
    made.unused.push_back(
        {.device = unused.device, .constraint = std::string(unused.constraint), .reason = unused.reason});
  }
  return made;
}

}  // namespace

PlanEpoch next_epoch(PlanEpoch last, const PlanContext& context) {
  const auto id = context.term.leader.bytes();
  const uint64_t of_term =
      context.term.counter << 32 | static_cast<uint64_t>(id[0]) << 24 | static_cast<uint64_t>(id[1]) << 16;
  return PlanEpoch(std::max({of_term, last.value(), context.epoch_max.value()}) + 1);
}

std::vector<std::string> planning_order(const ReplicatedState& state) {
  std::vector<std::string> order;
  for (const bool planned : {true, false}) {
    for (const auto& [content, model] : state.models) {
      if (model.plan.has_value() == planned) order.push_back(content);
    }
  }
  return order;
}

std::string broken_reason(const ModelView& state) {
  if (!state.plan) return {};
  const StagePlan& plan = state.plan->made.plan;
  if (!state.model) return std::string(kNotServed);
  if (!same_model(*state.model, plan)) return "the model is to be served otherwise";
  const std::map<DeviceRef, Bytes> needed = bytes_needed(state.plan->made);
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const DeviceRef& device = plan.stages[i].device;
    const auto node = state.nodes.find(device.node);
    if (node == state.nodes.end()) return std::format("{} is unknown", name_of(state.nodes, device));
    const std::string name = name_of(state.nodes, device.node);
    if (!takes_part(node->second)) return std::format("node {} {}", name, excluded_reason(node->second));
    const std::string& reserved = node->second.condition.owner.reserved;
    if (!reserved.empty()) return std::format("{}: {}", name_of(state.nodes, device), reserved);
    const auto unfit = state.unfit.find(device);
    if (unfit != state.unfit.end()) return std::format("{}: {}", name_of(state.nodes, device), unfit->second);
    const DeviceProfile* profile = find_device(state.nodes, device);
    if (!profile) return std::format("{} is no longer there", name_of(state.nodes, device));
    if (profile->memory_free < needed.at(device)) {
      return std::format("{} has only {} left for its layers, which need {}", name_of(state.nodes, device),
                         format_bytes(profile->memory_free), format_bytes(needed.at(device)));
    }
  }
  return {};
}

std::string impossible_reason(const ModelView& state) {
  if (!state.model) return std::string(kNotServed);
  const auto found = search_plan(state);
  return found ? std::string() : found.error().message;
}

bool affects_plans(const ReplicatedState& state, const Event& event) {
  if (const auto* stage = std::get_if<StageReported>(&event)) return stage->phase >= StagePhase::ready;
  if (std::holds_alternative<LibraryReported>(event) || std::holds_alternative<AccessKeySet>(event)) return false;
  const auto* reported = std::get_if<ConditionReported>(&event);
  if (!reported) return true;
  const auto known = state.nodes.find(reported->node);
  if (known == state.nodes.end()) return false;
  const NodeRecord& before = known->second;
  NodeRecord after = before;
  after.condition = reported->condition;
  if (takes_part(before) != takes_part(after)) return true;
  if (before.condition.owner != after.condition.owner || before.condition.speeds != after.condition.speeds ||
      before.condition.links != after.condition.links) {
    return true;
  }
  return std::ranges::any_of(before.facts.info.devices, [&](const DeviceProfile& each) {
    const std::string& device = each.id.device;
    const auto kinds = [&](const NodeRecord& node) {
      std::set<placement::Rule> rules;
      for (const placement::DeviceRule& rule : rules_of(node, each.id)) rules.insert(rule.rule);
      return rules;
    };
    return before.condition.memory.bytes_max != after.condition.memory.bytes_max || kinds(before) != kinds(after) ||
           speed_share(before, device) != speed_share(after, device);
  });
}

std::string avoidable_reason(const ModelView& state) {
  if (!state.plan || !state.model || !broken_reason(state).empty()) return {};
  const std::vector<Violation> violated = violations(state);
  if (violated.empty()) return {};
  const auto found = search_plan(state);
  return found ? avoidable(violated, found->given_up) : std::string();
}

std::optional<Event> plan_for(const ModelView& state, const PlanContext& context) {
  const auto ended = [&](std::string why) -> std::optional<Event> {
    PlanEnded event{.content = state.model->content,
                    .epoch = state.plan ? state.plan->made.plan.epoch : PlanEpoch(0),
                    .reason = std::move(why)};
    if (!state.plan && state.no_plan_reason == event.reason) return std::nullopt;
    return event;
  };
  const std::string broken = broken_reason(state);
  const std::vector<Violation> violated = violations(state);
  bool must = !state.plan || !broken.empty() || context.lost_epoch;
  if (!must && violated.empty() && (!context.idle || !serving(state))) return std::nullopt;
  const PlanMade* before = state.plan ? &state.plan->made : nullptr;
  if (!before && context.previous) before = &*context.previous;
  ServingSettings settings = must ? settings_to_keep(state, before) : state.model->settings;
  auto found = search_plan(state, settings);
  if (settings != state.model->settings && (!found || !found->given_up.empty())) {
    settings = state.model->settings;
    found = search_plan(state, settings);
  }
  if (!found) {
    if (!must) return std::nullopt;
    const std::string because = broken.empty() ? lost(state) : broken + "; ";
    return ended(because + found.error().message);
  }
  const Plan& best = found->plan;
  must = must || !avoidable(violated, found->given_up).empty();
  if (!must) {
    if (!context.idle || !serving(state) || same_stages(best, state.plan->made.plan)) return std::nullopt;
    const Objective objective = state.model->settings.objective;
    const size_t devices_min = std::min<size_t>(state.model->devices_min, best.stages.size());
    if (devices_of(state.plan->made.plan.stages) >= devices_min &&
        speed_of(best.predicted, objective) < kWorthMoving * speed_of(speed_now(state), objective)) {
      return std::nullopt;
    }
  }
  const PlanEpoch epoch = next_epoch(state.epoch_last, context);
  if (before && (must || !state.plan)) {
    // Its settings are those of the stages that stay.
    const auto in_place = plan_with_resident_parts(state, *before, *found);
    if (in_place) return made_of(state, *in_place, epoch, before->plan.settings);
  }
  settings = with_longer_context(state, settings, found->plan);
  settings = with_batch(state, found->plan, settings, step_cost(state, found->plan));
  return made_of(state, *found, epoch, settings);
}

}  // namespace exogpu::cluster
