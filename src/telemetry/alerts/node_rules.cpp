#include <algorithm>
#include <cmath>
#include <format>

#include "base/units.h"
#include "telemetry/alerts/rules.h"

namespace exogpu::telemetry {
namespace {

using std::chrono::seconds;
using wire::Metric;
using wire::Severity;

constexpr double kChargeLow = 0.20, kChargeRecovered = 0.25;
constexpr double kCacheFull = 1.0 * GiB, kCacheRecovered = 2.0 * GiB;
constexpr double kSkewS = 5, kSkewRecoveredS = 2;
constexpr size_t kFlaps = 3;

}  // namespace

MaybeFinding clock_skew(const NodeTelemetry& node) {
  if (!node.clock_offset_s) return std::nullopt;
  const double offset = std::abs(*node.clock_offset_s);
  if (offset <= kSkewRecoveredS) return std::nullopt;
  return Finding{.alert = {.name = "clock_skew",
                           .severity = Severity::info,
                           .node = node.name,
                           .subject = {},
                           .summary = std::format("its clock is {:.1f} s {} that of the leader", offset,
                                                  *node.clock_offset_s > 0 ? "ahead of" : "behind"),
                           .cause = "one of both clocks is not synchronised",
                           .remedy = "turn on time synchronisation (NTP); times in logs do not agree meanwhile"},
                 .begins = offset > kSkewS,
                 .after = seconds(10),
                 .until = seconds(10)};
}

MaybeFinding battery_low(const std::string& node, const wire::MetricValues& machine) {
  const auto charge = machine[Metric::charge];
  if (!charge) return std::nullopt;
  const bool on_battery = machine[Metric::on_battery].value_or(0) > 0;
  if (!on_battery || *charge >= kChargeRecovered) return std::nullopt;
  return Finding{.alert = {.name = "battery_low",
                           .severity = Severity::warning,
                           .node = node,
                           .subject = {},
                           .summary = std::format("its battery has {:.0f} % left", *charge * 100),
                           .cause = "it is not plugged in",
                           .remedy = "plug it in; plans avoid it meanwhile where others can hold the model"},
                 .begins = on_battery && *charge < kChargeLow,
                 .after = {},
                 .until = seconds(5)};
}

MaybeFinding cache_disk_full(const std::string& node, const wire::MetricValues& machine) {
  const auto free = machine[Metric::cache_free_bytes];
  if (!free) return std::nullopt;
  if (*free >= kCacheRecovered) return std::nullopt;
  return Finding{.alert = {.name = "cache_disk_full",
                           .severity = Severity::warning,
                           .node = node,
                           .subject = {},
                           .summary = std::format("the disk of its cache has {} left",
                                                  format_bytes(static_cast<Bytes>(std::max(0.0, *free)))),
                           .cause = "models and other files fill the disk",
                           .remedy = "remove files, or give the cache another folder with `--cache`"},
                 .begins = *free < kCacheFull,
                 .after = seconds(5),
                 .until = seconds(5)};
}

MaybeFinding node_flapping(const NodeFacts& node, size_t losses) {
  if (losses == 0) return std::nullopt;
  return Finding{.alert = {.name = "node_flapping",
                           .severity = Severity::warning,
                           .node = node.name,
                           .subject = {},
                           .summary = std::format("it went offline {} times within ten minutes", losses),
                           .cause = "a weak radio link, a machine that sleeps, or a process that ends and is restarted",
                           .remedy = std::format("connect it by wire, turn off its sleep, or read its log; `exogpu "
                                                 "drain {}` keeps plans away from it",
                                                 node.name)},
                 .begins = losses >= kFlaps,
                 .after = {},
                 .until = {}};
}

MaybeFinding node_memory_low(const NodeFacts& node) {
  if (!node.memory_short) return std::nullopt;
  return Finding{.alert = {.name = "memory_low",
                           .severity = Severity::warning,
                           .node = node.name,
                           .subject = {},
                           .summary = "its machine is short of memory",
                           .cause = "other programs need the memory that the models use",
                           .remedy = "close programs, or let the node use less with `--memory`"},
                 .begins = node.memory_short,
                 .after = {},
                 .until = seconds(5)};
}

MaybeFinding version_skew(const std::set<std::string>& versions) {
  std::string list;
  for (const std::string& version : versions) list += (list.empty() ? "" : ", ") + version;
  const bool differ = versions.size() > 1;
  if (!differ) return std::nullopt;
  return Finding{.alert = {.name = "version_skew",
                           .severity = Severity::info,
                           .node = {},
                           .subject = {},
                           .summary = "nodes run different versions: " + list,
                           .cause = "not all were updated",
                           .remedy = "install one version everywhere; `exogpu status` shows which node has which"},
                 .begins = differ,
                 .after = seconds(30),
                 .until = {}};
}

}  // namespace exogpu::telemetry
