#include <algorithm>
#include <format>

#include "base/units.h"
#include "telemetry/alerts/rules.h"

namespace exogpu::telemetry {
namespace {

using std::chrono::seconds;
using wire::Metric;
using wire::Severity;

constexpr double kLimitUnknownC = 95;
constexpr double kHotBelowLimitC = 5, kCriticalBelowLimitC = 2, kCoolBelowLimitC = 10;
constexpr double kMemoryFull = 0.97, kMemoryRecovered = 0.94;

}  // namespace

MaybeFinding device_hot(const std::string& node, const SubjectTelemetry& device) {
  const auto celsius = device.values[Metric::temperature_c];
  if (!celsius) return std::nullopt;
  const double limit = device.subject.temperature_limit_c.value_or(kLimitUnknownC);
  const bool critical = *celsius >= limit - kCriticalBelowLimitC;
  if (*celsius < limit - kCoolBelowLimitC) return std::nullopt;
  return Finding{
      .alert = {.name = "device_hot",
                .severity = critical ? Severity::critical : Severity::warning,
                .node = node,
                .subject = device.subject.id,
                .summary =
                    std::format("{} is at {:.0f} °C, its limit is {:.0f} °C", device.subject.name, *celsius, limit),
                .cause = "its cooling does not carry away the heat of the work: dust, a blocked outlet, a soft "
                         "surface, a warm room",
                .remedy = std::format("let air reach it, or take work off it: `exogpu drain {}`", node)},
      .begins = *celsius >= limit - kHotBelowLimitC,
      .after = seconds(10),
      .until = seconds(30)};
}

MaybeFinding device_throttling(const std::string& node, const SubjectTelemetry& device) {
  const auto reasons = device.values[Metric::throttling];
  if (!reasons) return std::nullopt;
  const auto bits = static_cast<uint32_t>(*reasons);
  const bool heat = (bits & wire::throttling::kHeat) != 0, brake = (bits & wire::throttling::kBrake) != 0;
  if (!heat && !brake) return std::nullopt;
  return Finding{.alert = {.name = "device_throttling",
                           .severity = Severity::warning,
                           .node = node,
                           .subject = device.subject.id,
                           .summary = device.subject.name + " has lowered its clock",
                           .cause = brake ? "the power supply or an external signal slows it down" : "it is too hot",
                           .remedy = brake ? "check its power cables and the power supply"
                                           : "let air reach it; plans count on its lower speed meanwhile"},
                 .begins = heat || brake,
                 .after = seconds(5),
                 .until = seconds(60)};
}

MaybeFinding device_memory_low(const std::string& node, const SubjectTelemetry& device) {
  const auto used = device.values[Metric::memory_used_bytes], total = device.values[Metric::memory_total_bytes];
  // The memory of the others is that of the machine, whose node notices.
  if (!used || !total || *total <= 0 || device.subject.kind != wire::SubjectKind::discrete) return std::nullopt;
  if (*used <= kMemoryRecovered * *total) return std::nullopt;
  return Finding{.alert = {.name = "memory_low",
                           .severity = Severity::warning,
                           .node = node,
                           .subject = device.subject.id,
                           .summary = std::format("{} has {} of its memory left", device.subject.name,
                                                  format_bytes(static_cast<Bytes>(std::max(0.0, *total - *used)))),
                           .cause = "other programs use its memory, or the models of the cluster fill it",
                           .remedy = "close programs that use it, unload a model, or use less with `--memory`"},
                 .begins = *used > kMemoryFull * *total,
                 .after = seconds(10),
                 .until = seconds(10)};
}

MaybeFinding results_differ(const DifferingDevice& device) {
  return Finding{.alert = {.name = "results_differ",
                           .severity = Severity::critical,
                           .node = device.node,
                           .subject = device.device,
                           .summary = "an answer that was computed once more came out differently on this device",
                           .cause = "a faulty device or driver, a changed program, or a node that answers wrongly on "
                                    "purpose; or the stage behind it, which says what it received",
                           .remedy = std::format("compare it with `exogpu check`; `exogpu drain {}` keeps plans away "
                                                 "from it, and `exogpu remove {}` throws it out",
                                                 device.node, device.node)},
                 .begins = true,
                 .after = {},
                 .until = {}};
}

}  // namespace exogpu::telemetry
