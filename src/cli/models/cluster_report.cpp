#include "cli/models/cluster_report.h"

#include <algorithm>
#include <format>

#include "base/units.h"
#include "base/utf8.h"
#include "cli/models/report.h"
#include "cli/table.h"

namespace exogpu::cli {

// Other files of this room have helpers of the same names.
namespace cluster_tables {

using Json = nlohmann::json;

// A text of another machine, made safe for a terminal; empty if there is none.
std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? printable(found->get<std::string>()) : std::string();
}

double number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

const Json& list(const Json& object, const char* key) {
  static const Json none = Json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : none;
}

const Json& part(const Json& object, const char* key) {
  static const Json none = Json::object();
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : none;
}

std::string joined(const Json& texts) {
  std::string out;
  for (const Json& each : texts) {
    if (each.is_string()) out += (out.empty() ? "" : ", ") + printable(each.get<std::string>());
  }
  return out;
}

std::string bytes_text(double bytes) { return bytes > 0 ? format_bytes(static_cast<Bytes>(bytes)) : std::string(); }

// "desk/cuda0, laptop/cpu", each device once.
std::string devices_of(const Json& plan) {
  std::string out;
  for (const Json& stage : list(plan, "stages")) {
    const std::string device = text(stage, "node") + "/" + text(stage, "device");
    if (!out.contains(device)) out += (out.empty() ? "" : ", ") + device;
  }
  return out;
}

double memory_of(const Json& plan) {
  double sum = 0;
  for (const Json& stage : list(plan, "stages")) sum += number(stage, "memory_bytes");
  return sum;
}

// Predicted, of one sequence alone.
std::string speed_of(const Json& plan) {
  const double speed = number(part(plan, "predicted"), "tokens_per_s_alone");
  return speed > 0 ? std::format("{:.1f} t/s", speed) : std::string();
}

// Of one that is loaded.
std::string loaded_speed(const Json& model) {
  const std::string speed = speed_of(part(model, "plan")), devices = devices_of(part(model, "plan"));
  return speed.empty() || devices.empty() ? speed : speed + " on " + devices;
}

// Of a model that is not loaded, with its devices: "31.2 t/s on desk/cuda0, laptop/cpu".
std::string prediction_of(const Json& entry) {
  const Json& predicted = part(entry, "predicted");
  if (const std::string reason = text(predicted, "reason"); !reason.empty()) return "does not fit: " + reason;
  const std::string speed = speed_of(entry), devices = joined(list(predicted, "devices"));
  return speed.empty() || devices.empty() ? speed : speed + " on " + devices;
}

std::string state_of(const Json& model) {
  if (model.value("serving", Json(false)) == Json(true)) return "loaded";
  const std::string reason = text(model, "not_serving_reason");
  return part(model, "plan").empty() ? "no room: " + reason : "loading: " + reason;
}

std::string kept(const Json& model) {
  if (model.value("pinned", Json(false)) == Json(true)) return "pinned";
  const double seconds = number(model, "keep_loaded_s");
  return seconds > 0 ? std::format("{:g} min unused", seconds / 60) : "until unloaded";
}

// How long ago that was; empty if it is not known.
std::string age_of(const Json& model, const char* key, std::chrono::system_clock::time_point now) {
  const double at = number(model, key);
  if (at <= 0) return {};
  return age_words(now - std::chrono::system_clock::time_point(std::chrono::seconds(static_cast<int64_t>(at))));
}

// By its own name, or by that of another file of the same content.
const Json& served_as(const Json& cluster, const Json& entry) {
  static const Json none = Json::object();
  const Json& models = list(cluster, "models");
  const std::string name = text(entry, "model"), content = text(entry, "content");
  const auto is_same = [&](const Json& model) {
    return text(model, "model") == name || (!content.empty() && text(model, "content") == content);
  };
  const auto found = std::ranges::find_if(models, is_same);
  return found == models.end() ? none : *found;
}

}  // namespace cluster_tables

bool predictions_complete(const nlohmann::json& cluster) {
  using namespace cluster_tables;
  return std::ranges::none_of(list(cluster, "library"), [&](const Json& entry) {
    return part(entry, "predicted").empty() && served_as(cluster, entry).empty();
  });
}

std::string loaded_models_table(const nlohmann::json& cluster, std::chrono::system_clock::time_point now) {
  using namespace cluster_tables;
  Rows rows{{"MODEL", "STATE", "DEVICES", "MEMORY", "CONTEXT", "PREDICTED", "LOADED", "USED", "KEPT"}};
  for (const Json& model : list(cluster, "models")) {
    const Json& plan = part(model, "plan");
    const double context = number(plan, "context");
    rows.push_back({text(model, "model"), state_of(model), devices_of(plan), bytes_text(memory_of(plan)),
                    context > 0 ? std::format("{:g}", context) : "", speed_of(plan),
                    age_of(model, "serving_since_unix_s", now), age_of(model, "used_at_unix_s", now), kept(model)});
  }
  if (rows.size() == 1) return "No model is loaded. A request that names one loads it, as does `exogpu load`.\n";
  return format_table(rows);
}

std::string library_table(const nlohmann::json& cluster) {
  using namespace cluster_tables;
  Rows rows{{"MODEL", "STATE", "SIZE", "TYPE", "ARCHITECTURE", "CONTEXT", "CAN", "NODES", "PREDICTED"}};
  for (const Json& entry : list(cluster, "library")) {
    const std::string name = text(entry, "model");
    const Json& served = served_as(cluster, entry);
    const double context = number(entry, "context");
    rows.push_back({name, served.empty() ? "" : state_of(served), bytes_text(number(entry, "bytes")),
                    text(entry, "quantisation"), text(entry, "architecture"),
                    context > 0 ? std::format("{:g}", context) : "", joined(list(entry, "abilities")),
                    joined(list(entry, "nodes")), served.empty() ? prediction_of(entry) : loaded_speed(served)});
  }
  if (rows.size() == 1) return "No node of the cluster has a model file. `exogpu pull` gets one.\n";
  return format_table(rows);
}

}  // namespace exogpu::cli
