#include "api/cluster_json.h"

#include "api/owner_limits.h"
#include "api/surface/prediction.h"

namespace exogpu::api {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const auto& value) { return value ? Json(*value) : Json(nullptr); }
Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json json_of(const node::NodeSnapshot& node);
Json json_of(const node::StageSnapshot& stage);
Json json_of(const node::UnusedDevice& unused);
Json json_of(const node::IdentityConflict& conflict);
Json json_of(const node::ModelSnapshot& model);
Json json_of(const node::LibraryEntrySnapshot& entry);
Json json_of(const node::PullSnapshot& pull);

std::string_view word_for(wire::DeviceKind kind) {
  switch (kind) {
    case wire::DeviceKind::discrete: return "discrete";
    case wire::DeviceKind::integrated: return "integrated";
    case wire::DeviceKind::cpu: return "cpu";
  }
  return "cpu";
}

int64_t unix_s(std::chrono::system_clock::time_point time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

Json json_of(const node::DeviceSnapshot& device) {
  return {{"id", device.id},
          {"name", device.name},
          {"kind", word_for(device.kind)},
          {"memory_free_bytes", device.memory_free},
          {"load_percent", or_null(device.load_percent)},
          {"temperature_c", or_null(device.temperature_c)},
          {"heat", device.heat ? Json(to_string(*device.heat)) : Json(nullptr)},
          {"speed_percent", or_null(device.speed_percent)},
          {"heat_action", to_string(device.action)},
          {"heat_action_reason", or_null(device.action_reason)},
          {"pace_percent", device.pace_percent},
          {"others_percent", device.others_percent},
          {"profile_mismatch", or_null(device.profile_mismatch)},
          {"failure", or_null(device.failure)}};
}

Json json_of(const node::LinkSnapshot& link) {
  return {{"to", link.to.text()},
          {"delay_s", link.delay_s},
          {"jitter_s", link.jitter_s},
          {"loss", link.loss},
          {"bytes_per_s", or_null(link.bytes_per_s)},
          {"avoided", link.avoided}};
}

Json json_of(const node::ShardSnapshot& shard) {
  return {{"device", shard.device},
          {"model", shard.model},
          {"content", shard.content},
          {"layer_begin", shard.layers.begin},
          {"layer_end", shard.layers.end}};
}

Json json_of(const node::BatterySnapshot& battery) {
  return {{"charge_percent", battery.charge_percent},
          {"discharging", battery.discharging},
          {"low", battery.low},
          {"given_up", battery.given_up}};
}

template <typename Value>
Json array_of(const std::vector<Value>& values) {
  Json array = Json::array();
  for (const Value& value : values) array.push_back(json_of(value));
  return array;
}

Json json_of(const node::NodeSnapshot& node) {
  return {{"id", node.id.text()},
          {"name", node.name},
          {"leader", node.leader},
          {"online", node.online},
          {"offline_reason", node.online ? Json(nullptr) : Json(node.offline_reason)},
          {"draining", node.draining},
          {"role", node.role ? Json(to_string(*node.role)) : Json(nullptr)},
          {"on_battery", node.on_battery},
          {"battery", node.battery ? json_of(*node.battery) : Json(nullptr)},
          {"load_percent", or_null(node.load_percent)},
          {"memory_pressure", to_string(node.memory.pressure)},
          {"memory_max_bytes", or_null(node.memory.bytes_max)},
          {"limits", limits_json(node.limits)},
          {"reserved", or_null(node.reserved)},
          {"wired", node.wired},
          {"version", node.version},
          {"api_url", or_null(node.api_url)},
          {"devices", array_of(node.devices)},
          {"shards", array_of(node.shards)},
          {"links", array_of(node.links)}};
}

Json json_of(const node::StageSnapshot& stage) {
  const auto& activity = stage.activity;
  return {{"node", stage.node},
          {"device", stage.device},
          {"layer_begin", stage.layers.begin},
          {"layer_end", stage.layers.end},
          {"memory_bytes", stage.memory},
          {"status", to_string(stage.status)},
          {"activity", activity ? Json(activity->text) : Json(nullptr)},
          {"done_bytes", activity ? Json(activity->done) : Json(nullptr)},
          {"total_bytes", activity ? Json(activity->total) : Json(nullptr)}};
}

Json json_of(const node::UnusedDevice& unused) {
  return {
      {"node", unused.node}, {"device", unused.device}, {"constraint", unused.constraint}, {"reason", unused.reason}};
}

Json json_of(const node::PlanSnapshot& plan) {
  return {{"epoch", plan.epoch.value()},
          {"stages", array_of(plan.stages)},
          {"context", plan.context},
          {"pool", plan.pool},
          {"parallel", plan.parallel},
          {"activations", to_string(plan.activations)},
          {"predicted", prediction_json(plan.predicted)},
          {"unused_devices", array_of(plan.unused_devices)}};
}

Json json_of(const node::LiveRates& live) {
  return {{"requests", live.requests},
          {"waiting_requests", live.waiting_requests},
          {"tokens_per_s", live.tokens_per_s},
          {"computed_tokens_per_s", live.computed_tokens_per_s},
          {"replayed_tokens", live.replayed_tokens},
          {"stage_step_s", live.stage_step_s}};
}

Json json_of(const node::ModelSnapshot& model) {
  return {{"model", model.name},
          {"content", model.content},
          {"pinned", model.pinned},
          {"keep_loaded_s", model.keep_loaded_s},
          {"used_at_unix_s", model.used_at ? Json(unix_s(*model.used_at)) : Json(nullptr)},
          {"serving", model.serving},
          {"serving_since_unix_s", model.serving_since ? Json(unix_s(*model.serving_since)) : Json(nullptr)},
          {"not_serving_reason", or_null(model.not_serving_reason)},
          {"plan", model.plan ? json_of(*model.plan) : Json(nullptr)},
          {"live", model.live ? json_of(*model.live) : Json(nullptr)}};
}

Json json_of(const node::LibraryEntrySnapshot& entry) {
  const wire::LibraryModel& model = entry.model;
  Json abilities = Json::array();
  if (model.abilities.chat) abilities.push_back("chat");
  if (model.abilities.tools) abilities.push_back("tools");
  if (model.abilities.thinking) abilities.push_back("thinking");
  if (model.abilities.embeddings) abilities.push_back("embeddings");
  if (model.abilities.infill) abilities.push_back("infill");
  return {{"model", model.model},
          {"content", or_null(model.content)},
          {"nodes", entry.nodes},
          {"bytes", model.bytes},
          {"architecture", or_null(model.architecture)},
          {"quantisation", or_null(model.quantisation)},
          {"layers", model.layers},
          {"parameters", model.parameters},
          {"context", model.context},
          {"abilities", std::move(abilities)},
          {"predicted", entry.predicted ? prediction_json(*entry.predicted) : Json(nullptr)}};
}

Json json_of(const node::PullSnapshot& pull) {
  return {{"source", pull.source}, {"node", pull.node},       {"file", pull.file},
          {"files", pull.files},   {"done_bytes", pull.done}, {"total_bytes", pull.total}};
}

Json json_of(const node::IdentityConflict& conflict) {
  return {{"node", conflict.node}, {"source", conflict.source}, {"refused_at_unix_s", unix_s(conflict.refused_at)}};
}

}  // namespace

nlohmann::ordered_json cluster_object(const node::ClusterSnapshot& cluster) {
  // The fields of one model are those of the first, for clients that know only one.
  static const node::ModelSnapshot none{.not_serving_reason = "no model is to be served"};
  const node::ModelSnapshot& first = cluster.models.empty() ? none : cluster.models.front();
  return {{"node", or_null(cluster.self)},
          {"model", or_null(first.name)},
          {"content", or_null(first.content)},
          {"serving", first.serving},
          {"not_serving_reason", or_null(first.not_serving_reason)},
          {"models", array_of(cluster.models)},
          {"library", array_of(cluster.library)},
          {"pulls", array_of(cluster.pulls)},
          {"model_file_error", or_null(cluster.model_file_error)},
          {"identity_conflicts", array_of(cluster.identity_conflicts)},
          {"leader", or_null(cluster.leader)},
          {"no_leader_reason", cluster.leader ? Json(nullptr) : Json(cluster.no_leader_reason)},
          {"term", cluster.term},
          {"index", cluster.index},
          {"nodes", array_of(cluster.nodes)},
          {"plan", first.plan ? json_of(*first.plan) : Json(nullptr)},
          {"live", first.live ? json_of(*first.live) : Json(nullptr)},
          {"weights", {{"sent_bytes", cluster.weights.sent}, {"received_bytes", cluster.weights.received}}}};
}

std::string cluster_json(const node::ClusterSnapshot& cluster) {
  return cluster_object(cluster).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace exogpu::api
