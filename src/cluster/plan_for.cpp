#include "cluster/plan_for.h"

#include <algorithm>
#include <format>
#include <map>
#include <set>
#include <tuple>

#include "cluster/condition.h"
#include "cluster/fold.h"
#include "cluster/names.h"
#include "placement/by_name.h"
#include "placement/placement.h"

namespace exogpu::cluster {
namespace {

using namespace wire;

// Of a link that nobody has measured yet: a wired home network.
constexpr double kDelayUnknown = 0.3e-3;
constexpr double kBytesPerSecondUnknown = 1e8;

// What a plan must gain to be worth moving a model that is loaded.
constexpr double kWorthMoving = 1.10;

// What it must gain to move parts that are loaded while somebody waits for those that are lost: the answers that go on
// are slower by no more than a third, and a better plan follows them.
constexpr double kWorthMovingAtOnce = 1.5;

// Nodes that are planned for at first; more only where these do not do. A ring of more stages than this is slower than
// one of the fastest, and planning takes time with the square of the nodes.
constexpr size_t kNodesAtFirst = 48;

const DeviceProfile* find_device(const ReplicatedState& state, const DeviceRef& ref) {
  const auto node = state.nodes.find(ref.node);
  if (node == state.nodes.end()) return nullptr;
  const auto& devices = node->second.facts.info.devices;
  const auto found = std::ranges::find(devices, ref, &DeviceProfile::id);
  return found == devices.end() ? nullptr : &*found;
}

double worth(const NodeRecord& node) {
  double most = 0;
  for (const DeviceProfile& device : node.facts.info.devices) {
    const double rate = device.rates.empty() ? 0 : device.rates.front().matvec_bytes_per_s;
    most = std::max(most, rate * static_cast<double>(device.memory_free));
  }
  return most;
}

bool is_spared(const ReplicatedState& state, const DeviceRef& device, int from) {
  const auto node = state.nodes.find(device.node);
  return node != state.nodes.end() && spared(node->second, device.device) >= from;
}

// The nodes that can take part, the most useful first, and last those of which all devices are spared.
std::vector<NodeId> usable_nodes(const ReplicatedState& state, int spared_from) {
  std::vector<std::tuple<bool, double, NodeId>> sorted;
  for (const auto& [id, node] : state.nodes) {
    if (!node.alive || node.draining) continue;
    const bool idle = std::ranges::all_of(node.facts.info.devices, [&](const DeviceProfile& device) {
      return spared(node, device.id.device) >= spared_from;
    });
    sorted.emplace_back(idle, -worth(node), id);
  }
  std::ranges::sort(sorted);
  std::vector<NodeId> nodes;
  for (const auto& [idle, value, id] : sorted) nodes.push_back(id);
  return nodes;
}

// As hot as it is.
void slow_down(DeviceProfile& device, double speed) {
  device.memory_bytes_per_s *= speed;
  for (WeightRates& rates : device.rates) {
    rates.matvec_bytes_per_s *= speed;
    rates.matmul_flops_per_s *= speed;
  }
}

ClusterView view_of(const ReplicatedState& state, std::vector<NodeId> nodes) {
  std::ranges::sort(nodes);
  const auto names = names_of(state);
  ClusterView view;
  for (const NodeId id : nodes) {
    for (DeviceProfile device : state.nodes.at(id).facts.info.devices) {
      device.node_name = names.at(id);
      slow_down(device, speed_left(state.nodes.at(id), device.id.device));
      view.devices.push_back(std::move(device));
    }
  }
  for (const NodeId from : nodes) {
    const auto& measured = state.nodes.at(from).facts.info.links;
    for (const NodeId to : nodes) {
      if (from == to || state.links_left_out.contains(pair_of(from, to))) continue;
      LinkProfile link{.from = from, .to = to, .delay_s = kDelayUnknown, .bytes_per_s = kBytesPerSecondUnknown};
      const auto found = std::ranges::find(measured, to, &LinkProfile::to);
      if (found != measured.end()) link.delay_s = found->delay_s;
      if (found != measured.end() && found->bytes_per_s > 0) link.bytes_per_s = found->bytes_per_s;
      view.links.push_back(link);
    }
  }
  return view;
}

// Whoever serves it.
placement::PlacementRequest request_of(const ServedModel& model) {
  placement::PlacementRequest request;
  request.serving = model.settings;
  request.devices_min = model.devices_min;
  return request;
}

Result<placement::PlacementRequest> request_of(const ReplicatedState& state, const ClusterView& view, int spared_from) {
  const ServedModel& model = *state.model;
  placement::PlacementRequest request = request_of(model);
  if (!model.layers.empty()) {
    EXO_TRY(request.by_hand, placement::parse_layers(view, model.layers));
  }
  for (const std::string& name : model.without) {
    // One that has not come yet is left out when it comes.
    if (auto device = placement::find_device(view, name)) request.excluded.push_back(*std::move(device));
  }
  for (const DeviceProfile& device : view.devices) {
    if (!state.nodes.at(device.id.node).unfit.contains(device.id.device)) {
      if (is_spared(state, device.id, spared_from)) request.excluded.push_back(device.id);
      continue;
    }
    if (std::ranges::contains(request.by_hand, device.id, &placement::AssignedLayers::device)) {
      return fail(ErrorCode::unavailable,
                  "{} is given layers by hand and could not load them; it is tried again when node {} is started anew, "
                  "or give it fewer",
                  name_of(state, device.id), device.node_name);
    }
    request.excluded.push_back(device.id);
  }
  return request;
}

Result<placement::PlacementResult> place(const ReplicatedState& state, const ClusterView& view, int spared_from) {
  EXO_TRY(const placement::PlacementRequest request, request_of(state, view, spared_from));
  return placement::assign_layers(view, state.model->shape, request);
}

// With the most useful nodes, and with more as long as there is no plan.
Result<placement::PlacementResult> place(const ReplicatedState& state, int spared_from) {
  const std::vector<NodeId> nodes = usable_nodes(state, spared_from);
  size_t count = state.model->layers.empty() ? kNodesAtFirst : nodes.size();
  while (true) {
    count = std::min(count, nodes.size());
    auto answer = place(
        state, view_of(state, std::vector(nodes.begin(), nodes.begin() + static_cast<ptrdiff_t>(count))), spared_from);
    if (answer || count == nodes.size()) return answer;
    count *= 4;
  }
}

struct Placed {
  placement::PlacementResult answer;
  int spared_from = 1;  // it uses no device that had better be spared by so much
};

// Without those that had better be spared, as far as the others can do it. Layers given by hand stay where they are.
Result<Placed> place_by_links(const ReplicatedState& state) {
  const bool by_hand = !state.model->layers.empty();
  for (int spared_from = by_hand ? kSparedMost + 1 : 1;; ++spared_from) {
    const auto any = [&](const auto& entry) {
      const auto& [id, node] = entry;
      return node.alive && !node.draining && std::ranges::any_of(node.facts.info.devices, [&](const DeviceProfile& d) {
               return spared(node, d.id.device) == spared_from;
             });
    };
    // Where it would make no difference, it is not tried twice.
    if (spared_from <= kSparedMost && std::ranges::none_of(state.nodes, any)) continue;
    auto answer = place(state, spared_from);
    if (answer) return Placed{.answer = *std::move(answer), .spared_from = spared_from};
    if (spared_from > kSparedMost) return std::unexpected(std::move(answer).error());
  }
}

// Where there is no other way, over links that are left out, too: they may be better by now.
Result<Placed> place(const ReplicatedState& state) {
  auto placed = place_by_links(state);
  if (placed || state.links_left_out.empty()) return placed;
  ReplicatedState with_all = state;
  with_all.links_left_out.clear();
  return place_by_links(with_all);
}

// The devices of the plan in force that had better be spared most.
int spared_in_plan(const ReplicatedState& state) {
  int most = 0;
  for (const PlannedStage& stage : state.plan->made.plan.stages) {
    const auto node = state.nodes.find(stage.device.node);
    if (node != state.nodes.end()) most = std::max(most, spared(node->second, stage.device.device));
  }
  return most;
}

// What the plan in force can do by what is known now; what was predicted when it was made, where that cannot be said.
PredictedSpeed speed_now(const ReplicatedState& state) {
  const PlanMade& made = state.plan->made;
  placement::PlacementRequest request = request_of(*state.model);
  std::set<NodeId> nodes;
  for (const PlannedStage& stage : made.plan.stages) {
    nodes.insert(stage.device.node);
    request.by_hand.push_back({.device = stage.device, .layers = stage.layers});
  }
  const ClusterView view = view_of(state, {nodes.begin(), nodes.end()});
  const auto answer = placement::assign_layers(view, state.model->shape, request);
  return answer ? answer->plan.predicted : made.predicted;
}

double speed_of(const PredictedSpeed& speed, Objective objective) {
  switch (objective) {
    case Objective::latency: return speed.tokens_per_s_alone;
    case Objective::throughput: return speed.tokens_per_s_parallel;
    case Objective::first_token: return speed.first_token_s > 0 ? 1 / speed.first_token_s : 0;
  }
  return 0;
}

// A step reads all weights, however many tokens it has, so its fixed cost is at least that of one token alone; more on
// a GPU that few tokens do not fill. Over what each token of a prompt takes, at the slowest stage.
double step_cost_tokens(const ReplicatedState& state, const Plan& plan) {
  double cost = 0;
  for (const Stage& stage : plan.stages) {
    const DeviceProfile* device = find_device(state, stage.device);
    if (!device || device->rates.empty()) continue;
    double flops = 0;
    for (uint32_t layer = stage.layers.begin; layer < stage.layers.end; ++layer) {
      flops += state.model->shape.layers[layer].flops_per_token;
    }
    const double token_s = flops / device->rates.front().matmul_flops_per_s;
    cost = std::max({cost, (stage.decode_s + stage.hop_s) / token_s, device->fixed_columns});
  }
  return cost;
}

bool same_stages(const Plan& plan, const StagePlan& running) {
  return std::ranges::equal(plan.stages, running.stages, [](const Stage& a, const PlannedStage& b) {
    return a.device == b.device && a.layers == b.layers;
  });
}

// All of what the model is served with, but for who serves it.
bool same_model(const ServedModel& model, const StagePlan& plan) {
  return model.model == plan.model && model.content == plan.content && model.settings == plan.settings;
}

template <typename Stages>
size_t devices_of(const Stages& stages) {
  std::set<DeviceRef> devices;
  for (const auto& stage : stages) devices.insert(stage.device);
  return devices.size();
}

// With what is left of the plan before in its place, where that is nearly as good as the best. What had better be
// spared, and is not in the best, does not stay.
std::optional<placement::PlacementResult> with_parts_in_place(const ReplicatedState& state, const PlanMade& before,
                                                              const Placed& placed) {
  const Plan& best = placed.answer.plan;
  const ServedModel& model = *state.model;
  if (!model.layers.empty() || !same_model(model, before.plan)) return std::nullopt;
  std::vector<NodeId> nodes = usable_nodes(state, placed.spared_from);
  const std::set<NodeId> usable(nodes.begin(), nodes.end());
  nodes.resize(std::min(nodes.size(), kNodesAtFirst));
  std::vector<placement::AssignedLayers> parts;
  for (size_t i = 0; i < before.plan.stages.size(); ++i) {
    const PlannedStage& stage = before.plan.stages[i];
    const DeviceProfile* device = find_device(state, stage.device);
    if (!device || !usable.contains(stage.device.node) || device->memory_free < before.stage_bytes[i]) continue;
    if (state.nodes.at(stage.device.node).unfit.contains(stage.device.device)) continue;
    parts.push_back({.device = stage.device, .layers = stage.layers});
    if (!std::ranges::contains(nodes, stage.device.node)) nodes.push_back(stage.device.node);
  }
  const ClusterView view = view_of(state, std::move(nodes));
  const auto request = request_of(state, view, placed.spared_from);
  if (!request) return std::nullopt;
  std::erase_if(parts, [&](const auto& part) { return std::ranges::contains(request->excluded, part.device); });
  if (parts.empty()) return std::nullopt;
  const size_t devices_min = std::min<size_t>(model.devices_min, best.stages.size());
  auto answer = placement::assign_missing_layers(view, model.shape, *request, parts, devices_min);
  if (!answer || kWorthMovingAtOnce * speed_of(answer->plan.predicted, model.settings.objective) <
                     speed_of(best.predicted, model.settings.objective)) {
    return std::nullopt;
  }
  return *std::move(answer);
}

PlanEpoch next_epoch(const ReplicatedState& state, const PlanCircumstances& circumstances) {
  const auto id = circumstances.term.master.bytes();
  const uint64_t of_term =
      circumstances.term.counter << 32 | static_cast<uint64_t>(id[0]) << 24 | static_cast<uint64_t>(id[1]) << 16;
  return PlanEpoch(std::max({of_term, state.epoch_last.value(), circumstances.in_use.value()}) + 1);
}

// Why there is no plan any more, where that is another thing than why there is no new one.
std::string lost(const ReplicatedState& state) {
  for (const auto& [id, node] : state.nodes) {
    if (!node.alive) return std::format("node {} is away: {}; ", name_of(state, id), node.why_away);
  }
  return {};
}

PlanMade made_of(const ReplicatedState& state, const Placed& placed, PlanEpoch epoch) {
  const Plan& best = placed.answer.plan;
  const ServedModel& model = *state.model;
  PlanMade made{.plan = {.epoch = epoch,
                         .model = model.model,
                         .content = model.content,
                         .stages = {},
                         .settings = model.settings,
                         .step_cost_tokens = step_cost_tokens(state, best)},
                .stage_bytes = {},
                .predicted = best.predicted,
                .left_out = {}};
  for (const Stage& stage : best.stages) {
    made.plan.stages.push_back({.device = stage.device, .layers = stage.layers});
    made.stage_bytes.push_back(stage.memory.total());
  }
  for (const placement::LeftOut& left : placed.answer.left_out) {
    if (made.left_out.size() == kLeftOutMax) break;
    const NodeRecord& node = state.nodes.at(left.device.node);
    const auto failed = node.unfit.find(left.device.device);
    if (failed != node.unfit.end()) {
      made.left_out.push_back({.device = left.device, .why = "failed", .reason = failed->second});
    } else if (is_spared(state, left.device, placed.spared_from)) {
      made.left_out.push_back({.device = left.device, .why = "spared", .reason = why_spared(node, left.device.device)});
    } else {
      made.left_out.push_back({.device = left.device, .why = std::string(left.why), .reason = left.reason});
    }
  }
  return made;
}

}  // namespace

std::string broken_by(const ReplicatedState& state) {
  if (!state.plan) return {};
  const StagePlan& plan = state.plan->made.plan;
  if (!state.model) return "no model is to be served";
  const ServedModel& model = *state.model;
  if (!same_model(model, plan)) return "the model is to be served otherwise";
  std::map<DeviceRef, Bytes> needed;
  for (size_t i = 0; i < plan.stages.size(); ++i) needed[plan.stages[i].device] += state.plan->made.stage_bytes[i];
  for (size_t i = 0; i < plan.stages.size(); ++i) {
    const DeviceRef& device = plan.stages[i].device;
    const auto node = state.nodes.find(device.node);
    if (node == state.nodes.end()) return std::format("{} is unknown", name_of(state, device));
    const std::string name = name_of(state, device.node);
    if (!node->second.alive) return std::format("node {} is away: {}", name, node->second.why_away);
    if (node->second.draining) return std::format("node {} is being drained", name);
    const auto unfit = node->second.unfit.find(device.device);
    if (unfit != node->second.unfit.end()) return std::format("{}: {}", name_of(state, device), unfit->second);
    const DeviceProfile* profile = find_device(state, device);
    if (!profile) return std::format("{} is no longer there", name_of(state, device));
    if (profile->memory_free < needed.at(device)) {
      return std::format("{} has only {} left for its part, which needs {}", name_of(state, device),
                         format_bytes(profile->memory_free), format_bytes(needed.at(device)));
    }
  }
  return {};
}

std::string impossible(const ReplicatedState& state) {
  if (!state.model) return "no model is to be served";
  const auto answer = place(state);
  return answer ? std::string() : answer.error().message;
}

bool matters_to_plans(const ReplicatedState& state, const Event& event) {
  if (const auto* stage = std::get_if<StageTold>(&event)) return stage->phase >= StagePhase::ready;
  const auto* told = std::get_if<ConditionTold>(&event);
  if (!told) return true;
  const auto known = state.nodes.find(told->node);
  if (known == state.nodes.end()) return false;
  const NodeRecord& before = known->second;
  const NodeRecord after{.facts = {}, .why_away = {}, .unfit = {}, .condition = told->condition};
  return std::ranges::any_of(before.facts.info.devices, [&](const DeviceProfile& each) {
    const std::string& device = each.id.device;
    return spared(before, device) != spared(after, device) || speed_left(before, device) != speed_left(after, device);
  });
}

std::string better_without(const ReplicatedState& state) {
  if (!state.plan || !state.model || !broken_by(state).empty()) return {};
  const int spare = spared_in_plan(state);
  if (spare == 0) return {};
  const auto placed = place(state);
  if (!placed || spare < placed->spared_from) return {};
  for (const PlannedStage& stage : state.plan->made.plan.stages) {
    if (is_spared(state, stage.device, placed->spared_from)) {
      return std::format("{}: {}", name_of(state, stage.device),
                         why_spared(state.nodes.at(stage.device.node), stage.device.device));
    }
  }
  return {};
}

std::optional<Event> plan_for(const ReplicatedState& state, const PlanCircumstances& circumstances) {
  const auto ended = [&](std::string why) -> std::optional<Event> {
    PlanEnded event{.epoch = state.plan ? state.plan->made.plan.epoch : PlanEpoch(0), .why = std::move(why)};
    if (!state.plan && state.why_not == event.why) return std::nullopt;
    return event;
  };
  if (!state.model) return ended("no model is to be served");
  const std::string broken = broken_by(state);
  const bool lost_epoch = state.epoch_last < circumstances.in_use;
  const int spare = state.plan ? spared_in_plan(state) : 0;
  bool must = !state.plan || !broken.empty() || lost_epoch;
  if (!must && spare == 0 && (!circumstances.idle || !serving(state))) return std::nullopt;
  const auto answer = place(state);
  if (!answer) {
    if (!must) return std::nullopt;
    const std::string because = broken.empty() ? lost(state) : broken + "; ";
    return ended(because + answer.error().message);
  }
  const Plan& best = answer->answer.plan;
  must = must || spare >= answer->spared_from;
  if (!must) {
    if (!circumstances.idle || !serving(state) || same_stages(best, state.plan->made.plan)) return std::nullopt;
    const Objective objective = state.model->settings.objective;
    const size_t wanted = std::min<size_t>(state.model->devices_min, best.stages.size());
    if (devices_of(state.plan->made.plan.stages) >= wanted &&
        speed_of(best.predicted, objective) < kWorthMoving * speed_of(speed_now(state), objective)) {
      return std::nullopt;
    }
  }
  std::optional<placement::PlacementResult> in_place;
  if (must && state.plan) in_place = with_parts_in_place(state, state.plan->made, *answer);
  if (!state.plan && circumstances.before) in_place = with_parts_in_place(state, *circumstances.before, *answer);
  const Placed chosen{.answer = in_place.value_or(answer->answer), .spared_from = answer->spared_from};
  return made_of(state, chosen, next_epoch(state, circumstances));
}

}  // namespace exogpu::cluster
