#include "wire/owner_limits.h"

#include <cmath>
#include <format>

#include "wire/cluster_coding.h"

namespace exogpu::wire {
namespace {

Result<void> check_range(std::string_view what, std::optional<double> value, double least, double most,
                         std::string_view unit) {
  if (!value || (std::isfinite(*value) && *value >= least && *value <= most)) return {};
  return fail(ErrorCode::invalid_argument, "{} of {} {}: give {:.0f} to {:.0f} {}", what, *value, unit, least, most,
              unit);
}

Result<void> check_hours(std::string_view what, const std::optional<DayHours>& hours) {
  if (!hours || (hours->from < 24 && hours->to < 24)) return {};
  return fail(ErrorCode::invalid_argument, "{} from {} to {}: give hours of the day, 0 to 23", what, hours->from,
              hours->to);
}

void put_hours(proto::DayHours& out, const DayHours& in) {
  out.set_from(in.from);
  out.set_to(in.to);
}

DayHours hours_of(const proto::DayHours& in) { return {.from = in.from(), .to = in.to()}; }

}  // namespace

std::string_view to_string(Limit limit) {
  switch (limit) {
    case Limit::temperature: return "temperature-max";
    case Limit::power: return "power-max";
    case Limit::quiet_hours: return "quiet-hours";
    case Limit::shared_hours: return "shared-hours";
    case Limit::battery_floor: return "battery-floor";
    case Limit::memory: return "memory";
  }
  return "unknown";
}

OwnerLimits changed(OwnerLimits before, const LimitChanges& changes) {
  for (const Limit lifted : changes.lifted) {
    switch (lifted) {
      case Limit::temperature: before.temperature_max_c.reset(); break;
      case Limit::power: before.power_max_w.reset(); break;
      case Limit::quiet_hours: before.quiet_hours.reset(); break;
      case Limit::shared_hours: before.shared_hours.reset(); break;
      case Limit::battery_floor: before.battery_floor_percent.reset(); break;
      case Limit::memory: before.memory_max.reset(); break;
    }
  }
  const OwnerLimits& set = changes.set;
  if (set.temperature_max_c) before.temperature_max_c = set.temperature_max_c;
  if (set.power_max_w) before.power_max_w = set.power_max_w;
  if (set.quiet_hours) before.quiet_hours = set.quiet_hours;
  if (set.shared_hours) before.shared_hours = set.shared_hours;
  if (set.battery_floor_percent) before.battery_floor_percent = set.battery_floor_percent;
  if (set.memory_max) before.memory_max = set.memory_max;
  return before;
}

Result<void> check(const OwnerLimits& limits) {
  EXO_CHECK(check_range("a temperature", limits.temperature_max_c, OwnerLimits::kTemperatureMinC,
                        OwnerLimits::kTemperatureMaxC, "°C"));
  EXO_CHECK(check_range("a power", limits.power_max_w, OwnerLimits::kPowerMinW, OwnerLimits::kPowerMaxW, "W"));
  EXO_CHECK(check_hours("quiet hours", limits.quiet_hours));
  EXO_CHECK(check_hours("shared hours", limits.shared_hours));
  EXO_CHECK(check_range("a battery floor", limits.battery_floor_percent, 1, 100, "%"));
  if (!limits.memory_max || *limits.memory_max >= OwnerLimits::kMemoryMin) return {};
  return fail(ErrorCode::invalid_argument, "{} of memory: give {} or more", format_bytes(*limits.memory_max),
              format_bytes(OwnerLimits::kMemoryMin));
}

std::string limits_text(const OwnerLimits& limits) {
  std::string all;
  const auto add = [&all](const std::string& one) { all += (all.empty() ? "" : ", ") + one; };
  if (limits.temperature_max_c) add(std::format("at most {} °C", *limits.temperature_max_c));
  if (limits.power_max_w) add(std::format("at most {} W", *limits.power_max_w));
  if (const auto& quiet = limits.quiet_hours) add(std::format("quiet from {} to {} o'clock", quiet->from, quiet->to));
  if (const auto& shared = limits.shared_hours) {
    add(std::format("shared from {} to {} o'clock", shared->from, shared->to));
  }
  if (const auto& floor = limits.battery_floor_percent) {
    add(*floor == 100 ? "only on mains power" : std::format("no longer below {} % of the battery", *floor));
  }
  if (limits.memory_max) add(std::format("at most {} of each device", format_bytes(*limits.memory_max)));
  return all.empty() ? "none" : all;
}

void put(proto::OwnerLimits& out, const OwnerLimits& in) {
  if (in.temperature_max_c) out.set_temperature_max_c(*in.temperature_max_c);
  if (in.power_max_w) out.set_power_max_w(*in.power_max_w);
  if (in.quiet_hours) put_hours(*out.mutable_quiet_hours(), *in.quiet_hours);
  if (in.shared_hours) put_hours(*out.mutable_shared_hours(), *in.shared_hours);
  if (in.battery_floor_percent) out.set_battery_floor_percent(*in.battery_floor_percent);
  if (in.memory_max) out.set_memory_max(*in.memory_max);
}

Result<OwnerLimits> limits_of(const proto::OwnerLimits& in) {
  OwnerLimits out;
  if (in.has_temperature_max_c()) out.temperature_max_c = in.temperature_max_c();
  if (in.has_power_max_w()) out.power_max_w = in.power_max_w();
  if (in.has_quiet_hours()) out.quiet_hours = hours_of(in.quiet_hours());
  if (in.has_shared_hours()) out.shared_hours = hours_of(in.shared_hours());
  if (in.has_battery_floor_percent()) out.battery_floor_percent = in.battery_floor_percent();
  if (in.has_memory_max()) out.memory_max = in.memory_max();
  if (const auto sound = check(out); !sound) {
    return fail(ErrorCode::corrupt, "the limits of a node: {}", sound.error().message);
  }
  return out;
}

}  // namespace exogpu::wire
