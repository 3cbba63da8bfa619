#include "node/leader.h"

#include <algorithm>
#include <format>
#include <nlohmann/json.hpp>

#include "placement/by_name.h"

namespace exogpu::node {
namespace {

using Json = nlohmann::ordered_json;

// Of a link that nobody has measured yet: a wired home network.
constexpr double kDelayUnknown = 0.3e-3;
constexpr double kBytesPerSecondUnknown = 1e8;

// What a plan must gain to be worth moving a model that is loaded.
constexpr double kWorthMoving = 1.10;

double speed_of(const wire::Plan& plan, placement::Objective objective) {
  switch (objective) {
    case placement::Objective::latency: return plan.predicted.tokens_per_s_alone;
    case placement::Objective::throughput: return plan.predicted.tokens_per_s_parallel;
    case placement::Objective::first_token: return 1 / plan.predicted.first_token_s;
  }
  return 0;
}

bool same_stages(const wire::Plan& plan, const wire::StagePlan& running) {
  return std::ranges::equal(plan.stages, running.stages, [](const wire::Stage& a, const wire::PlannedStage& b) {
    return a.device == b.device && a.layers == b.layers;
  });
}

}  // namespace

Leader::Leader(wire::NodeId self, LeaderOptions options)
    : self_(self), options_(std::move(options)), next_epoch_(options_.first_epoch) {}

void Leader::set_content(std::string content) {
  options_.content = std::move(content);
  if (plan_) plan_->content = options_.content;
}

void Leader::joined(wire::NodeInfo info) {
  // Started anew, it may have been mended. What it tells later is only how its links are.
  if (!nodes_.contains(info.self.node)) {
    std::erase_if(unfit_, [&](const auto& entry) { return entry.first.node == info.self.node; });
    faults_.forget(info.self.node);
  }
  wire::NodeInfo& known = nodes_[info.self.node];
  if (wire::encode(known) != wire::encode(info)) placed_.reset();
  known = std::move(info);
}

std::string Leader::name_of(wire::NodeId node) const {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return node.short_text();
  const std::string& name = found->second.self.name;
  const auto same = std::ranges::count_if(nodes_, [&](const auto& entry) { return entry.second.self.name == name; });
  return same == 1 || node == self_ ? name : std::format("{}-{}", name, node.short_text());
}

void Leader::left(wire::NodeId node) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return;
  const std::string name = name_of(node);
  nodes_.erase(found);
  faults_.forget(node);
  placed_.reset();
  if (plan_ && !intact()) {
    lost_ = std::format("node {} is away", name);
    plan_.reset();
  }
}

bool Leader::intact() const {
  return std::ranges::all_of(plan_->stages, [&](const wire::PlannedStage& stage) {
    return nodes_.contains(stage.device.node) && !unfit_.contains(stage.device);
  });
}

void Leader::stage_changed(wire::NodeId node, const wire::StageState& state) {
  if (!plan_ || state.epoch != plan_->epoch || state.stage >= stages_.size()) return;
  const wire::PlannedStage& stage = plan_->stages[state.stage];
  if (stage.device.node != node) return;
  stages_[state.stage] = {.phase = state.phase, .done = state.done, .total = state.total, .busy = state.busy};
  if (state.phase != wire::StagePhase::failed) return;
  const std::string why = state.failure ? state.failure->message : "it failed";
  lost_ = std::format("{}/{}: {}", name_of(node), stage.device.device, why);
  unfit_[stage.device] = why;
  placed_.reset();
  plan_.reset();
}

void Leader::broken(wire::PlanEpoch epoch, const Error& why, std::optional<LinkFaults::Pair> link, Time now) {
  if (!plan_ || plan_->epoch != epoch) return;
  if (link && nodes_.contains(link->first) && nodes_.contains(link->second)) {
    faults_.broke(link->first, link->second, now);
  }
  lost_ = why.message;
  plan_.reset();
}

wire::ClusterView Leader::view(const std::set<LinkFaults::Pair>& without) const {
  wire::ClusterView view;
  for (const auto& [id, info] : nodes_) {
    for (wire::DeviceProfile device : info.devices) {
      device.node_name = name_of(id);
      view.devices.push_back(std::move(device));
    }
  }
  for (const auto& [from, info] : nodes_) {
    for (const auto& [to, other] : nodes_) {
      if (from == to || without.contains(LinkFaults::pair(from, to))) continue;
      const auto measured = std::ranges::find(info.links, to, &wire::LinkProfile::to);
      wire::LinkProfile link{.from = from, .to = to, .delay_s = kDelayUnknown, .bytes_per_s = kBytesPerSecondUnknown};
      if (measured != info.links.end()) link.delay_s = measured->delay_s;
      if (measured != info.links.end() && measured->bytes_per_s > 0) link.bytes_per_s = measured->bytes_per_s;
      view.links.push_back(link);
    }
  }
  return view;
}

Result<placement::Answer> Leader::place(const std::set<LinkFaults::Pair>& without) const {
  const wire::ClusterView seen = view(without);
  placement::Wishes wishes = options_.wishes;
  if (!options_.layers.empty()) {
    EXO_TRY(wishes.by_hand, placement::parse_layers(seen, options_.layers));
  }
  for (const std::string& name : options_.without) {
    // One that has not come yet is left out when it comes.
    if (auto device = placement::find_device(seen, name)) wishes.excluded.push_back(*std::move(device));
  }
  for (const auto& [device, why] : unfit_) {
    if (std::ranges::contains(wishes.by_hand, device, &placement::HandStage::device)) {
      return fail(ErrorCode::unavailable,
                  "{}/{} is given layers by hand and could not load them; it is tried again when "
                  "node {} is started anew, or give it fewer",
                  name_of(device.node), device.device, name_of(device.node));
    }
    wishes.excluded.push_back(device);
  }
  return placement::place(seen, options_.shape, wishes);
}

// A step reads all weights, however many tokens it has, so its fixed cost is at least that of one token alone; more on
// a GPU that few tokens do not fill. Over what each token of a prompt takes, at the slowest stage.
double Leader::step_cost_tokens(const wire::Plan& plan) const {
  double cost = 0;
  for (const wire::Stage& stage : plan.stages) {
    const auto& node = nodes_.at(stage.device.node);
    const auto device = std::ranges::find(node.devices, stage.device, &wire::DeviceProfile::id);
    if (device == node.devices.end() || device->rates.empty()) continue;
    double flops = 0;
    for (uint32_t layer = stage.layers.begin; layer < stage.layers.end; ++layer) {
      flops += options_.shape.layers[layer].flops_per_token;
    }
    const double token_s = flops / device->rates.front().matmul_flops_per_s;
    cost = std::max({cost, (stage.decode_s + stage.hop_s) / token_s, device->fixed_columns});
  }
  return cost;
}

// Of the links that are left out.
std::string Leader::faults() const {
  std::string text;
  for (const auto& [a, b] : placed_->without) {
    text += std::format("; the link between {} and {} is left out for a while: it has broken again and again",
                        name_of(a), name_of(b));
  }
  return text;
}

std::optional<wire::StagePlan> Leader::plan(bool idle, Time now) {
  std::set<LinkFaults::Pair> without = faults_.left_out(now);
  if (!placed_ || placed_->without != without) {
    ++placements_;
    auto answer = place(without);
    placed_.emplace(std::move(without), std::move(answer));
  }
  const Result<placement::Answer>& answer = placed_->answer;
  if (!answer) {
    if (!plan_) why_not_ = (lost_.empty() ? "" : lost_ + "; ") + answer.error().message + faults();
    return std::nullopt;
  }
  const wire::Plan& best = answer->plan;
  const bool alone = best.stages.size() == 1 && best.stages.front().device.node == self_;
  if (options_.content.empty() && !alone) {
    if (!plan_) why_not_ = "the model file is being read, so that other nodes can tell it from others";
    return std::nullopt;
  }
  if (plan_) {
    if (same_stages(best, *plan_) || !idle || !serving()) return std::nullopt;
    const auto objective = options_.wishes.objective;
    // The running one as it would be predicted now.
    const bool too_few = plan_->stages.size() < std::min<size_t>(options_.wishes.devices_min, best.stages.size());
    const bool slower = answer_ && speed_of(best, objective) < kWorthMoving * speed_of(answer_->plan, objective);
    if (slower && !too_few) return std::nullopt;
  }
  wire::StagePlan next{.epoch = wire::PlanEpoch(next_epoch_++),
                       .model = options_.model,
                       .content = options_.content,
                       .stages = {},
                       .context = options_.wishes.context,
                       .sequences = options_.wishes.sequences,
                       .batch_tokens = options_.shard.batch_tokens,
                       .kv_type = options_.kv_type,
                       .flash_attention = static_cast<uint32_t>(options_.shard.flash_attention),
                       .activations = best.activations,
                       .step_cost_tokens = step_cost_tokens(best)};
  for (const wire::Stage& stage : best.stages) next.stages.push_back({.device = stage.device, .layers = stage.layers});
  stages_.assign(next.stages.size(), {});
  answer_ = *answer;
  plan_ = next;
  lost_.clear();
  return next;
}

bool Leader::serving() const {
  return plan_ && std::ranges::all_of(stages_, [](const StageStatus& s) { return s.phase == wire::StagePhase::ready; });
}

wire::ClusterState Leader::describe() const {
  wire::ClusterState state{.epoch = plan_ ? plan_->epoch : wire::PlanEpoch(0),
                           .serving = serving(),
                           .why_not = {},
                           .members = {},
                           .page = page()};
  if (!state.serving) {
    state.why_not = why_not_;
    for (uint32_t i = 0; plan_ && i < stages_.size(); ++i) {
      if (stages_[i].phase == wire::StagePhase::ready) continue;
      const wire::PlannedStage& stage = plan_->stages[i];
      state.why_not = std::format("{}/{} is {} its part of the model", name_of(stage.device.node), stage.device.device,
                                  to_string(stages_[i].phase));
      if (stages_[i].total > 0) {
        state.why_not += std::format(
            " ({:.0f} %)", 100.0 * static_cast<double>(stages_[i].done) / static_cast<double>(stages_[i].total));
      }
    }
  }
  for (const auto& [id, info] : nodes_) {
    state.members.push_back(info.self);
    state.members.back().name = name_of(id);
  }
  return state;
}

std::string Leader::page() const {
  Json nodes = Json::array();
  for (const auto& [id, info] : nodes_) {
    Json devices = Json::array();
    for (const wire::DeviceProfile& device : info.devices) {
      devices.push_back({{"id", device.id.device}, {"name", device.name}, {"memory_free_bytes", device.memory_free}});
    }
    Json links = Json::array();
    for (const wire::LinkProfile& link : info.links) {
      const bool left_out = placed_ && placed_->without.contains(LinkFaults::pair(id, link.to));
      links.push_back({{"to", link.to.text()},
                       {"delay_s", link.delay_s},
                       {"bytes_per_s", link.bytes_per_s > 0 ? Json(link.bytes_per_s) : Json(nullptr)},
                       {"left_out", left_out}});
    }
    nodes.push_back({{"id", id.text()},
                     {"name", name_of(id)},
                     {"leader", id == self_},
                     {"api", info.self.api_url},
                     {"devices", std::move(devices)},
                     {"links", std::move(links)}});
  }
  Json plan = nullptr;
  if (plan_) {
    Json stages = Json::array();
    for (uint32_t i = 0; i < plan_->stages.size(); ++i) {
      const wire::PlannedStage& stage = plan_->stages[i];
      const wire::Stage& predicted = answer_->plan.stages[i];
      stages.push_back({{"node", name_of(stage.device.node)},
                        {"device", stage.device.device},
                        {"layer_begin", stage.layers.begin},
                        {"layer_end", stage.layers.end},
                        {"memory_bytes", predicted.memory.total()},
                        {"state", to_string(stages_[i].phase)},
                        {"predicted_decode_s", predicted.decode_s},
                        {"predicted_hop_s", predicted.hop_s}});
    }
    const wire::PredictedSpeed& speed = answer_->plan.predicted;
    Json left_out = Json::array();
    for (const placement::LeftOut& left : answer_->left_out) {
      const auto failed = unfit_.find(left.device);
      left_out.push_back({{"node", nodes_.contains(left.device.node) ? name_of(left.device.node) : ""},
                          {"device", left.device.device},
                          {"why", failed == unfit_.end() ? left.why : "failed"},
                          {"reason", failed == unfit_.end() ? left.reason : failed->second}});
    }
    plan = {{"epoch", plan_->epoch.value()},
            {"stages", std::move(stages)},
            {"context", plan_->context},
            {"sequences", plan_->sequences},
            {"activations", to_string(plan_->activations)},
            {"predicted",
             {{"first_token_s", speed.first_token_s},
              {"tokens_per_s_alone", speed.tokens_per_s_alone},
              {"tokens_per_s_together", speed.tokens_per_s_parallel}}},
            {"left_out", std::move(left_out)}};
  }
  const Json page = {{"model", options_.model},
                     {"content", options_.content},
                     {"serving", serving()},
                     {"nodes", std::move(nodes)},
                     {"plan", std::move(plan)}};
  return page.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace exogpu::node
