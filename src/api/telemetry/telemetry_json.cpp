#include "api/telemetry/telemetry_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace exogpu::api {
namespace {

using MetricsJson = nlohmann::ordered_json;
using wire::Metric;

bool is_whole(Metric metric) {
  return metric == Metric::memory_used_bytes || metric == Metric::memory_total_bytes || metric == Metric::shard_bytes ||
         metric == Metric::cache_free_bytes;
}

// Six digits say more than a sensor knows.
MetricsJson number(Metric metric, double value) {
  if (is_whole(metric)) return static_cast<uint64_t>(std::max(0.0, value));
  if (metric == Metric::on_battery) return value > 0;
  return std::round(value * 1000) / 1000;
}

// The reasons by name: ["heat"].
MetricsJson throttling_reasons(double value) {
  const auto bits = static_cast<uint32_t>(value);
  MetricsJson reasons = MetricsJson::array();
  if ((bits & wire::throttling::kHeat) != 0) reasons.push_back("heat");
  if ((bits & wire::throttling::kPower) != 0) reasons.push_back("power");
  if ((bits & wire::throttling::kBrake) != 0) reasons.push_back("brake");
  return reasons;
}

MetricsJson history_json(const telemetry::MetricHistory& history) {
  MetricsJson values = MetricsJson::array();
  for (const auto& value : history.values) {
    values.push_back(!value                                 ? MetricsJson(nullptr)
                     : history.metric == Metric::throttling ? MetricsJson(static_cast<uint32_t>(*value))
                                                            : number(history.metric, *value));
  }
  return values;
}

MetricsJson subject_json(const telemetry::SubjectTelemetry& each) {
  MetricsJson out = {{"id", each.subject.id}, {"name", each.subject.name}, {"kind", to_string(each.subject.kind)}};
  if (!each.subject.backend.empty()) out["backend"] = each.subject.backend;
  MetricsJson names = MetricsJson::array();
  for (const Metric metric : each.subject.metrics) names.push_back(to_string(metric));
  out["metrics"] = std::move(names);
  if (each.subject.temperature_limit_c) out["temperature_limit_c"] = *each.subject.temperature_limit_c;
  for (size_t i = 0; i < wire::kMetrics; ++i) {
    const auto metric = static_cast<Metric>(i);
    const auto& value = each.values[metric];
    if (!value) continue;
    out[std::string(to_string(metric))] =
        metric == Metric::throttling ? throttling_reasons(*value) : number(metric, *value);
  }
  if (each.suitability) out["suitability"] = std::round(*each.suitability * 1000) / 1000;
  if (each.history.empty()) return out;
  MetricsJson history = MetricsJson::object();
  for (const telemetry::MetricHistory& metric : each.history) {
    history[std::string(to_string(metric.metric))] = history_json(metric);
  }
  out["history"] = std::move(history);
  return out;
}

MetricsJson node_json(const telemetry::NodeTelemetry& node) {
  MetricsJson out = {{"id", node.node.text()}, {"name", node.name}, {"age_s", std::round(node.age_s * 1000) / 1000}};
  if (node.clock_offset_s) out["clock_offset_s"] = std::round(*node.clock_offset_s * 1000) / 1000;
  MetricsJson devices = MetricsJson::array();
  for (const telemetry::SubjectTelemetry& each : node.subjects) {
    if (each.subject.kind == wire::SubjectKind::machine) {
      out["machine"] = subject_json(each);
    } else {
      devices.push_back(subject_json(each));
    }
  }
  out["devices"] = std::move(devices);
  return out;
}

std::string text_of(const MetricsJson& json) {
  return json.dump(-1, ' ', false, MetricsJson::error_handler_t::replace);
}

}  // namespace

std::string telemetry_json(const telemetry::TelemetrySnapshot& snapshot, double memory_bytes) {
  MetricsJson nodes = MetricsJson::array();
  for (const telemetry::NodeTelemetry& node : snapshot.nodes) nodes.push_back(node_json(node));
  MetricsJson best = MetricsJson::array();
  for (const telemetry::RankedDevice& device : telemetry::ranking(snapshot, memory_bytes)) {
    best.push_back({{"node", device.node},
                    {"device", device.device},
                    {"suitability", std::round(device.suitability * 1000) / 1000},
                    {"memory_free_bytes", static_cast<uint64_t>(device.memory_free_bytes)}});
  }
  return text_of({{"version", wire::kTelemetryVersion},
                  {"complete", snapshot.complete},
                  {"step_s", snapshot.step_s},
                  {"nodes", std::move(nodes)},
                  {"ranking", std::move(best)}});
}

std::string alerts_json(const std::vector<wire::Alert>& alerts) {
  MetricsJson list = MetricsJson::array();
  for (const wire::Alert& alert : alerts) {
    list.push_back({{"name", alert.name},
                    {"severity", to_string(alert.severity)},
                    {"since_unix_s", static_cast<double>(alert.since_unix_ms) / 1000},
                    {"node", alert.node.empty() ? MetricsJson(nullptr) : MetricsJson(alert.node)},
                    {"subject", alert.subject.empty() ? MetricsJson(nullptr) : MetricsJson(alert.subject)},
                    {"summary", alert.summary},
                    {"cause", alert.cause},
                    {"remedy", alert.remedy}});
  }
  return text_of({{"alerts", std::move(list)}});
}

}  // namespace exogpu::api
