#include "node/snapshot_of.h"

#include <algorithm>
#include <format>
#include <tuple>

#include "cluster/fold.h"
#include "cluster/names.h"
#include "cluster/plan_search.h"
#include "cluster/serving_speeds.h"

namespace exogpu::node {
namespace {

using wire::ReplicatedState;

const wire::StageProgress* report_of(const wire::PlanRecord& plan, uint32_t stage, const StageReports& reports) {
  const auto found = reports.find({plan.made.plan.epoch, stage});
  return found != reports.end() ? &found->second : nullptr;
}

// Why plans of a model do not use the device.
std::string failure_of(const ReplicatedState& state, const wire::DeviceRef& device) {
  for (const auto& [content, model] : state.models) {
    if (const auto unfit = model.unfit.find(device); unfit != model.unfit.end()) return unfit->second;
  }
  return {};
}

DeviceSnapshot device_snapshot(const ReplicatedState& state, const wire::NodeRecord& node,
                               const wire::DeviceProfile& profile) {
  DeviceSnapshot device{.id = profile.id.device,
                        .name = profile.name,
                        .kind = profile.kind,
                        .memory_free = profile.memory_free,
                        .load_percent = {},
                        .temperature_c = {},
                        .heat = {},
                        .speed_percent = {},
                        .profile_mismatch = cluster::mismatch_of(profile.id.device, node.condition.speeds),
                        .failure = failure_of(state, profile.id)};
  const auto condition = std::ranges::find(node.condition.devices, device.id, &wire::DeviceCondition::device);
  if (condition != node.condition.devices.end()) {
    device.load_percent = condition->load_percent;
    device.temperature_c = condition->temperature_c;
    device.heat = condition->heat;
    device.speed_percent = condition->speed_percent;
    device.action = condition->action;
    device.pace_percent = condition->pace_percent;
    device.action_reason = condition->action_reason;
    device.others_percent = condition->others_percent;
  }
  return device;
}

std::optional<BatterySnapshot> battery_snapshot(const wire::NodeCondition& condition) {
  if (!condition.battery) return std::nullopt;
  return BatterySnapshot{.charge_percent = condition.battery->charge_percent,
                         .discharging = condition.battery->on_battery,
                         .low = condition.battery->low,
                         .given_up = condition.battery->given_up};
}

NodeSnapshot node_snapshot(const ReplicatedState& state, wire::NodeId id, const wire::NodeRecord& record) {
  const wire::NodeInfo& info = record.facts.info;
  NodeSnapshot node{
      .id = id,
      .name = cluster::name_of(state.nodes, id),
      .leader = false,
      .online = record.online,
      .offline_reason = record.online ? "" : record.offline_reason,
      .draining = record.draining,
      .on_battery = !record.facts.fitness.mains,
      .battery = battery_snapshot(record.condition),
      .load_percent = record.condition.load_percent,
      .memory = {.pressure = record.condition.memory.pressure, .bytes_max = record.condition.memory.bytes_max},
      .limits = record.condition.limits,
      .reserved = record.condition.owner.reserved,
      .wired = record.facts.fitness.wired,
      .version = record.facts.version,
      .api_url = info.self.api_url,
      .devices = {},
      .shards = {},
      .links = {}};
  for (const wire::DeviceProfile& device : info.devices) node.devices.push_back(device_snapshot(state, record, device));
  for (const wire::LinkProfile& link : info.links) {
    node.links.push_back({.to = link.to,
                          .delay_s = link.delay_s,
                          .jitter_s = link.jitter_s,
                          .loss = link.loss,
                          .bytes_per_s = link.bytes_per_s > 0 ? std::optional(link.bytes_per_s) : std::nullopt,
                          .avoided = state.links_avoided.contains(wire::pair_of(id, link.to))});
  }
  if (!record.online) return node;
  for (const wire::ResidentShard& shard : record.condition.shards) {
    node.shards.push_back(
        {.device = shard.device, .model = shard.model, .content = shard.content, .layers = shard.layers});
  }
  return node;
}

// The prediction of its making, where no speed of its devices was measured since.
wire::PredictedSpeed predicted_now(const ReplicatedState& state, const std::string& content,
                                   const wire::PlanMade& made) {
  const bool measured = std::ranges::any_of(made.plan.stages, [&](const wire::PlannedStage& stage) {
    const auto node = state.nodes.find(stage.device.node);
    if (node == state.nodes.end()) return false;
    return !node->second.condition.speeds.empty() || !node->second.condition.links.empty();
  });
  return measured ? cluster::speed_now(cluster::model_view(state, content)) : made.predicted;
}

PlanSnapshot plan_snapshot(const ReplicatedState& state, const wire::PlanRecord& record, const StageReports& reports) {
  const wire::PlanMade& made = record.made;
  PlanSnapshot plan{.epoch = made.plan.epoch,
                    .stages = {},
                    .context = made.plan.settings.context,
                    .pool = made.plan.settings.tokens_of_all(),
                    .parallel = made.plan.settings.sequences,
                    .activations = made.plan.settings.activations,
                    .predicted = predicted_now(state, made.plan.content, made),
                    .predicted_at_first = made.predicted,
                    .unused_devices = {}};
  for (uint32_t i = 0; i < made.plan.stages.size(); ++i) {
    const wire::PlannedStage& stage = made.plan.stages[i];
    const wire::StageProgress* report = report_of(record, i, reports);
    plan.stages.push_back({.node = cluster::name_of(state.nodes, stage.device.node),
                           .device = stage.device.device,
                           .layers = stage.layers,
                           .memory = made.stage_bytes[i],
                           .status = record.stages[i].phase,
                           .activity = report
                                           ? std::optional(StageActivity{report->activity, report->done, report->total})
                                           : std::nullopt});
  }
  for (const wire::UnusedDevice& unused : made.unused) {
    plan.unused_devices.push_back({.node = cluster::name_of(state.nodes, unused.device.node),
                                   .device = unused.device.device,
                                   .constraint = unused.constraint,
                                   .reason = unused.reason});
  }
  return plan;
}

std::string_view in_words(wire::StagePhase phase) {
  switch (phase) {
    case wire::StagePhase::waiting: return "is waiting for its part of the model";
    case wire::StagePhase::fetching: return "is fetching its part of the model";
    case wire::StagePhase::loading: return "is loading its part of the model";
    case wire::StagePhase::ready: return "is ready";
    case wire::StagePhase::failed: return "failed to load its part of the model";
  }
  return "is in a state that is not known here";
}

// Files of the same name and content are one model; where contents differ or are not known yet, they are not.
std::vector<LibraryEntrySnapshot> library_of(const ReplicatedState& state) {
  std::map<std::pair<std::string, std::string>, LibraryEntrySnapshot> entries;
  for (const auto& [id, node] : state.nodes) {
    if (!node.online) continue;
    for (const wire::LibraryModel& model : node.library) {
      auto& entry = entries[{model.model, model.content}];
      entry.model = model;
      entry.nodes.push_back(cluster::name_of(state.nodes, id));
    }
  }
  std::vector<LibraryEntrySnapshot> list;
  for (auto& [key, entry] : entries) list.push_back(std::move(entry));
  return list;
}

}  // namespace

std::vector<const wire::ModelRecord*> models_in_order(const ReplicatedState& state) {
  std::vector<const wire::ModelRecord*> models;
  for (const auto& [content, model] : state.models) models.push_back(&model);
  std::ranges::sort(models, {}, [](const wire::ModelRecord* model) {
    return std::tuple(!cluster::serving(*model), model->served.model, model->served.content);
  });
  return models;
}

std::string not_serving_reason(const ReplicatedState& state, const wire::ModelRecord& model,
                               const StageReports& reports) {
  if (cluster::serving(model)) return {};
  if (!model.plan) return model.no_plan_reason.empty() ? "no plan has been made yet" : model.no_plan_reason;
  if (const std::string missing = cluster::missing_weights(model); !missing.empty()) {
    return missing + "; waiting for a node that has it";
  }
  for (uint32_t i = 0; i < model.plan->stages.size(); ++i) {
    const wire::StagePhase phase = model.plan->stages[i].phase;
    if (phase == wire::StagePhase::ready) continue;
    std::string text =
        std::format("{} {}", cluster::name_of(state.nodes, model.plan->made.plan.stages[i].device), in_words(phase));
    const wire::StageProgress* report = report_of(*model.plan, i, reports);
    if (report && report->total > 0) {
      text +=
          std::format(" ({:.0f} %)", 100.0 * static_cast<double>(report->done) / static_cast<double>(report->total));
    } else if (report && !report->activity.empty() && report->activity != to_string(phase)) {
      text += ": " + report->activity;
    }
    return text;
  }
  return {};
}

ClusterSnapshot snapshot_of(const ReplicatedState& state, std::optional<wire::NodeId> leader,
                            const std::string& no_leader_reason, const StageReports& reports) {
  ClusterSnapshot snapshot;
  for (const wire::ModelRecord* model : models_in_order(state)) {
    snapshot.models.push_back({.name = model->served.model,
                               .content = model->served.content,
                               .pinned = model->served.pinned,
                               .keep_loaded_s = model->served.keep_loaded_s,
                               .not_serving_reason = not_serving_reason(state, *model, reports),
                               .plan = {},
                               .live = {}});
    ModelSnapshot& added = snapshot.models.back();
    added.serving = added.not_serving_reason.empty();
    if (model->plan) added.plan = plan_snapshot(state, *model->plan, reports);
  }
  snapshot.library = library_of(state);
  if (leader) {
    snapshot.leader = cluster::name_of(state.nodes, *leader);
  } else {
    snapshot.no_leader_reason = no_leader_reason;
  }
  snapshot.term = state.at.term.counter;
  snapshot.index = state.at.index;
  for (const auto& [id, record] : state.nodes) {
    snapshot.nodes.push_back(node_snapshot(state, id, record));
    snapshot.nodes.back().leader = id == leader;
  }
  return snapshot;
}

}  // namespace exogpu::node
