#include "node/page.h"

#include <algorithm>
#include <format>
#include <nlohmann/json.hpp>

#include "cluster/fold.h"
#include "cluster/names.h"

namespace exogpu::node {
namespace {

using Json = nlohmann::ordered_json;
using wire::ReplicatedState;

const wire::StageProgress* progress_of(const wire::PlanRecord& plan, uint32_t stage, const StagesNow& stages) {
  const auto found = stages.find(stage);
  return found != stages.end() && found->second.epoch == plan.made.plan.epoch ? &found->second : nullptr;
}

Json or_null(const auto& value) { return value ? Json(*value) : Json(nullptr); }

const wire::DeviceCondition* condition_of(const wire::NodeRecord& node, const std::string& device) {
  const auto found = std::ranges::find(node.condition.devices, device, &wire::DeviceCondition::device);
  return found == node.condition.devices.end() ? nullptr : &*found;
}

Json battery_of(const wire::NodeCondition& condition) {
  if (!condition.battery) return nullptr;
  return {{"charge_percent", condition.battery->charge_percent},
          {"feeds", condition.battery->feeds},
          {"low", condition.battery->low}};
}

Json shards_of(const wire::NodeRecord& node) {
  Json shards = Json::array();
  if (!node.alive) return shards;
  for (const wire::HeldShard& shard : node.condition.shards) {
    shards.push_back({{"device", shard.device},
                      {"model", shard.model},
                      {"content", shard.content},
                      {"layer_begin", shard.layers.begin},
                      {"layer_end", shard.layers.end}});
  }
  return shards;
}

Json nodes_of(const ReplicatedState& state, std::optional<wire::NodeId> master) {
  Json nodes = Json::array();
  for (const auto& [id, node] : state.nodes) {
    const wire::NodeInfo& info = node.facts.info;
    Json devices = Json::array();
    for (const wire::DeviceProfile& device : info.devices) {
      const auto unfit = node.unfit.find(device.id.device);
      const wire::DeviceCondition* condition = condition_of(node, device.id.device);
      devices.push_back({{"id", device.id.device},
                         {"name", device.name},
                         {"memory_free_bytes", device.memory_free},
                         {"load_percent", condition ? or_null(condition->load_percent) : Json(nullptr)},
                         {"temperature_c", condition ? or_null(condition->temperature_c) : Json(nullptr)},
                         {"heat", condition ? Json(to_string(condition->heat)) : Json(nullptr)},
                         {"speed_percent", condition ? Json(condition->speed_percent) : Json(nullptr)},
                         {"failure", unfit == node.unfit.end() ? Json(nullptr) : Json(unfit->second)}});
    }
    Json links = Json::array();
    for (const wire::LinkProfile& link : info.links) {
      links.push_back({{"to", link.to.text()},
                       {"delay_s", link.delay_s},
                       {"jitter_s", link.jitter_s},
                       {"loss", link.loss},
                       {"bytes_per_s", link.bytes_per_s > 0 ? Json(link.bytes_per_s) : Json(nullptr)},
                       {"left_out", state.links_left_out.contains(wire::pair_of(id, link.to))}});
    }
    nodes.push_back({{"id", id.text()},
                     {"name", cluster::name_of(state, id)},
                     {"leader", id == master},
                     {"here", node.alive},
                     {"why_away", node.alive ? Json(nullptr) : Json(node.why_away)},
                     {"draining", node.draining},
                     {"mains_power", node.facts.fitness.mains},
                     {"battery", battery_of(node.condition)},
                     {"load_percent", or_null(node.condition.load_percent)},
                     {"wired", node.facts.fitness.wired},
                     {"version", node.facts.version},
                     {"api", info.self.api_url},
                     {"devices", std::move(devices)},
                     {"shards", shards_of(node)},
                     {"links", std::move(links)}});
  }
  return nodes;
}

Json plan_of(const ReplicatedState& state, const StagesNow& now) {
  if (!state.plan) return nullptr;
  const wire::PlanMade& made = state.plan->made;
  Json stages = Json::array();
  for (uint32_t i = 0; i < made.plan.stages.size(); ++i) {
    const wire::PlannedStage& stage = made.plan.stages[i];
    const wire::StageProgress* progress = progress_of(*state.plan, i, now);
    stages.push_back({{"node", cluster::name_of(state, stage.device.node)},
                      {"device", stage.device.device},
                      {"layer_begin", stage.layers.begin},
                      {"layer_end", stage.layers.end},
                      {"memory_bytes", made.stage_bytes[i]},
                      {"state", to_string(state.plan->stages[i].phase)},
                      {"doing", progress ? Json(progress->doing) : Json(nullptr)},
                      {"done_bytes", progress ? Json(progress->done) : Json(nullptr)},
                      {"total_bytes", progress ? Json(progress->total) : Json(nullptr)}});
  }
  Json left_out = Json::array();
  for (const wire::DeviceLeftOut& left : made.left_out) {
    left_out.push_back({{"node", cluster::name_of(state, left.device.node)},
                        {"device", left.device.device},
                        {"why", left.why},
                        {"reason", left.reason}});
  }
  return {{"epoch", made.plan.epoch.value()},
          {"stages", std::move(stages)},
          {"context", made.plan.settings.context},
          {"sequences", made.plan.settings.sequences},
          {"activations", to_string(made.plan.settings.activations)},
          {"predicted",
           {{"first_token_s", made.predicted.first_token_s},
            {"tokens_per_s_alone", made.predicted.tokens_per_s_alone},
            {"tokens_per_s_together", made.predicted.tokens_per_s_parallel}}},
          {"left_out", std::move(left_out)}};
}

}  // namespace

std::string why_not_serving(const ReplicatedState& state, const StagesNow& now) {
  if (cluster::serving(state)) return {};
  if (!state.plan) return state.why_not.empty() ? "no plan has been made yet" : state.why_not;
  for (uint32_t i = 0; i < state.plan->stages.size(); ++i) {
    const wire::StagePhase phase = state.plan->stages[i].phase;
    if (phase == wire::StagePhase::ready) continue;
    std::string text = std::format("{} is {} its part of the model",
                                   cluster::name_of(state, state.plan->made.plan.stages[i].device), to_string(phase));
    const wire::StageProgress* progress = progress_of(*state.plan, i, now);
    if (progress && progress->total > 0) {
      text += std::format(" ({:.0f} %)",
                          100.0 * static_cast<double>(progress->done) / static_cast<double>(progress->total));
    } else if (progress && !progress->doing.empty() && progress->doing != to_string(phase)) {
      text += ": " + progress->doing;
    }
    return text;
  }
  return {};
}

std::string page_of(const ReplicatedState& state, std::optional<wire::NodeId> master, const std::string& alone,
                    const StagesNow& stages) {
  const std::string why_not = why_not_serving(state, stages);
  const Json page = {{"model", state.model ? Json(state.model->model) : Json(nullptr)},
                     {"content", state.model ? Json(state.model->content) : Json(nullptr)},
                     {"serving", why_not.empty()},
                     {"reason", why_not.empty() ? Json(nullptr) : Json(why_not)},
                     {"leader", master ? Json(cluster::name_of(state, *master)) : Json(nullptr)},
                     {"no_leader", master ? Json(nullptr) : Json(alone)},
                     {"term", state.at.term.counter},
                     {"index", state.at.index},
                     {"nodes", nodes_of(state, master)},
                     {"plan", plan_of(state, stages)}};
  return page.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace exogpu::node
