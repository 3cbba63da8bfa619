// exogpu status: shows the nodes of the cluster, their work, and the reasons.
#include <chrono>
#include <format>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "base/utf8.h"
#include "cli/api_options.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"

namespace exogpu::cli {
namespace {

using Json = nlohmann::json;

struct Options {
  ApiOptions api;
  bool json = false;
};

// A text of another machine, made safe for a terminal; empty if there is none.
std::string text(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (found == object.end() || found->is_null()) return {};
  return printable(found->is_string() ? found->get<std::string>() : found->dump());
}

bool yes(const Json& object, const char* key) { return object.value(key, Json(false)) == Json(true); }

const Json& list(const Json& object, const char* key) {
  static const Json none = Json::array();
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_array() ? *found : none;
}

// What the node gives up while it is short of memory: ", short of memory"; empty when it is not.
std::string shortage_of(const Json& node) {
  const std::string pressure = text(node, "memory_pressure");
  if (pressure == "spare") return ", short of memory: no spare weights";
  if (pressure == "cached") return ", short of memory: no spare weights, no cached sequences";
  if (pressure == "layers") return ", short of memory: asks for fewer layers";
  return {};
}

std::string state_of(const Json& node) {
  if (!yes(node, "online")) return "offline: " + text(node, "offline_reason");
  if (yes(node, "draining")) return "being drained" + shortage_of(node);
  const std::string reserved = text(node, "reserved");
  return (yes(node, "leader") ? "leader" : "online") + shortage_of(node) + (reserved.empty() ? "" : ", " + reserved);
}

// Examples: "mains", "battery 34 %", "battery 12 %, low", "battery 28 %, given up".
std::string power_of(const Json& node) {
  const bool on_battery = yes(node, "on_battery");
  const auto battery = node.find("battery");
  if (battery == node.end() || !battery->is_object()) return on_battery ? "battery" : "mains";
  const std::string charge = text(*battery, "charge_percent") + " %";
  return (yes(*battery, "discharging") ? "battery " + charge : "mains, battery " + charge) +
         (yes(*battery, "given_up") ? ", given up"
          : yes(*battery, "low")    ? ", low"
                                    : "");
}

// "computes 60 % of the time: it is to stay below 94 °C"; empty where nothing is done.
std::string action_of(const Json& device) {
  const std::string action = text(device, "heat_action");
  if (action.empty() || action == "none") return {};
  std::string out = std::format("computes {} % of the time", text(device, "pace_percent"));
  if (action == "fewer_layers") out += ", asks for fewer layers";
  if (action == "leaving") out += ", leaves";
  return out + ": " + text(device, "heat_action_reason");
}

// "cuda0 82 °C hot", without unknown parts.
std::string device_of(const Json& device) {
  std::string out = text(device, "id");
  if (const std::string celsius = text(device, "temperature_c"); !celsius.empty()) out += " " + celsius + " °C";
  const std::string heat = text(device, "heat"), failure = text(device, "failure");
  if (heat == "hot" || heat == "critical") out += heat == "hot" ? " hot" : " critically hot";
  if (const std::string action = action_of(device); !action.empty()) out += " (" + action + ")";
  if (const std::string mismatch = text(device, "profile_mismatch"); !mismatch.empty()) out += " (" + mismatch + ")";
  return failure.empty() ? out : out + " (" + failure + ")";
}

std::string share_of(const Json& node, const char* key) {
  const std::string percent = text(node, key);
  return percent.empty() ? "" : percent + " %";
}

std::string shards_of(const Json& node) {
  std::string out;
  for (const Json& shard : list(node, "shards")) {
    const uint32_t begin = shard.value("layer_begin", 0U), end = shard.value("layer_end", 0U);
    out += std::format("{}{} {}-{} of {}", out.empty() ? "" : ", ", text(shard, "device"), begin, end > 0 ? end - 1 : 0,
                       text(shard, "model"));
  }
  return out;
}

// "0.62", of the node's devices in their order; empty: not known.
std::string suitability_of(const Json& telemetry, const std::string& name) {
  std::string out;
  for (const Json& node : list(telemetry, "nodes")) {
    if (text(node, "name") != name) continue;
    for (const Json& device : list(node, "devices")) {
      const std::string score = text(device, "suitability");
      if (!score.empty()) out += (out.empty() ? "" : ", ") + text(device, "id") + " " + score;
    }
  }
  return out;
}

// "cuda0 1.4 J/token", of the node's devices in their order; empty: not known.
std::string energy_of(const Json& telemetry, const std::string& name) {
  std::string out;
  for (const Json& node : list(telemetry, "nodes")) {
    if (text(node, "name") != name) continue;
    for (const Json& device : list(node, "devices")) {
      const auto joules = device.find("joules_per_token");
      if (joules == device.end() || !joules->is_number()) continue;
      out += std::format("{}{} {:.3g} J/token", out.empty() ? "" : ", ", text(device, "id"), joules->get<double>());
    }
  }
  return out;
}

std::string nodes_table(const Json& cluster, const Json& telemetry) {
  Rows rows{{"NODE", "STATE", "ROLE", "DEVICES", "SUITABILITY", "LOAD", "HOLDS", "ENERGY", "POWER", "NETWORK",
             "VERSION", "API"}};
  for (const Json& node : list(cluster, "nodes")) {
    std::string devices;
    for (const Json& device : list(node, "devices")) {
      devices += (devices.empty() ? "" : ", ") + device_of(device);
    }
    rows.push_back({text(node, "name"), state_of(node), text(node, "role"), devices,
                    suitability_of(telemetry, text(node, "name")), share_of(node, "load_percent"), shards_of(node),
                    energy_of(telemetry, text(node, "name")), power_of(node), yes(node, "wired") ? "wire" : "radio",
                    text(node, "version"), text(node, "api_url")});
  }
  return format_table(rows);
}

std::string plan_table(const Json& plan) {
  Rows rows{{"LAYERS", "DEVICE", "MEMORY", "STATE", "DOING"}};
  for (const Json& stage : list(plan, "stages")) {
    const uint32_t begin = stage.value("layer_begin", 0U), end = stage.value("layer_end", 0U);
    std::string doing = text(stage, "activity");
    if (const double total = stage.value("total_bytes", Json(0)).is_number() ? stage.value("total_bytes", 0.0) : 0;
        total > 0 && text(stage, "status") != "ready") {
      doing += std::format(" ({:.0f} %)", 100 * stage.value("done_bytes", 0.0) / total);
    }
    rows.push_back({std::format("{}-{}", begin, end > 0 ? end - 1 : 0),
                    text(stage, "node") + "/" + text(stage, "device"),
                    format_bytes(stage.value("memory_bytes", Bytes{0})), text(stage, "status"), doing});
  }
  std::string out = format_table(rows);
  for (const Json& unused : list(plan, "unused_devices")) {
    out += std::format("{}/{} is not used: {}\n", text(unused, "node"), text(unused, "device"), text(unused, "reason"));
  }
  return out;
}

std::string identity_conflicts(const Json& cluster) {
  std::string out;
  for (const Json& conflict : list(cluster, "identity_conflicts")) {
    const std::chrono::sys_seconds at(std::chrono::seconds(conflict.value("refused_at_unix_s", int64_t{0})));
    out += std::format(
        "Another process has the identity of node {} and was refused ({}, {:%F %T} UTC). If its disk or "
        "state folder is a copy, remove the state folder there and run `exogpu join`.\n\n",
        text(conflict, "node"), text(conflict, "source"), at);
  }
  return out;
}

std::string model_sentences(const Json& cluster) {
  std::string out;
  for (const Json& model : list(cluster, "models")) {
    if (!out.empty()) out += " ";
    const std::string name = text(model, "model");
    out += yes(model, "serving") ? std::format("Serving {}.", name)
                                 : std::format("Not serving {}: {}.", name, text(model, "not_serving_reason"));
  }
  return out.empty() ? "No model is to be served." : out;
}

std::string pulls(const Json& cluster) {
  std::string out;
  for (const Json& pull : list(cluster, "pulls")) {
    const uint32_t files = pull.value("files", 0U);
    const Bytes done = pull.value("done_bytes", Bytes{0}), total = pull.value("total_bytes", Bytes{0});
    out += std::format("{} pulls {}", text(pull, "node"), text(pull, "source"));
    if (files > 1) out += std::format(", file {} of {}", pull.value("file", 0U) + 1, files);
    if (total > 0) out += std::format(": {} of {}", format_bytes(done), format_bytes(total));
    out += "\n";
  }
  return out.empty() ? out : out + "\n";
}

std::string plans(const Json& cluster) {
  const Json& models = list(cluster, "models");
  std::string out;
  for (const Json& model : models) {
    const auto plan = model.find("plan");
    if (plan == model.end() || !plan->is_object()) continue;
    if (models.size() > 1) out += std::format("\n{}:", text(model, "model"));
    out += "\n" + plan_table(*plan);
  }
  return out;
}

// A line for each alert, with its cause and what to do.
std::string alerts_text(const Json& alerts) {
  std::string out;
  for (const Json& alert : list(alerts, "alerts")) {
    const std::string node = text(alert, "node"), subject = text(alert, "subject");
    const std::string of = node + (node.empty() || subject.empty() ? "" : "/") + subject;
    out += std::format("{} {}{}{}: {}. Likely cause: {}. {}.\n", text(alert, "severity"), text(alert, "name"),
                       of.empty() ? "" : " ", of, text(alert, "summary"), text(alert, "cause"), text(alert, "remedy"));
  }
  return out.empty() ? out : out + "\n";
}

std::string report(const Json& cluster, const Json& telemetry, const Json& alerts) {
  std::string out = model_sentences(cluster);
  const std::string leader = text(cluster, "leader");
  out += leader.empty() ? std::format(" No leader: {}.\n\n", text(cluster, "no_leader_reason"))
                        : std::format(" The leader is {}.\n\n", leader);
  if (const std::string broken = text(cluster, "model_file_error"); !broken.empty()) out += broken + "\n\n";
  out += identity_conflicts(cluster);
  return out + alerts_text(alerts) + pulls(cluster) + nodes_table(cluster, telemetry) + plans(cluster);
}

// What a node of an earlier version does not have is empty.
Json beside(const api::ApiAddress& at, const std::string& path) {
  const auto reply = api::get(at, path, std::chrono::seconds(5));
  return reply && reply->status == 200 ? Json::parse(reply->body, nullptr, false) : Json();
}

Result<void> status(const Options& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  EXO_TRY(const std::string body, body_of(api::get(at, "/v1/cluster", std::chrono::seconds(5))));
  if (options.json) {
    println_out("{}", body);
    return {};
  }
  const Json cluster = Json::parse(body, nullptr, false);
  if (!cluster.is_object())
    return fail(ErrorCode::corrupt, "{} is not the API of an exogpu node; name another address with --api HOST:PORT",
                options.api.at);
  write_out(report(cluster, beside(at, "/v1/telemetry"), beside(at, "/v1/alerts")));
  return {};
}

}  // namespace

void add_status(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("status", "Show the nodes of the cluster, their work, and the reasons");
  command->add_flag("--json", options->json, "Print the JSON of GET /v1/cluster");
  add_api_options(*command, options->api);
  command->callback([options, &action] { action = [options] { return status(*options); }; });
}

}  // namespace exogpu::cli
