#include "api/owner_limits.h"

#include <format>

#include "node/day_hours.h"

namespace exogpu::api {
namespace {

using json = nlohmann::ordered_json;
using wire::Limit;
using wire::OwnerLimits;

constexpr int64_t kMemoryMost = int64_t{1} << 50;

constexpr std::pair<Limit, const char*> kLimitNames[] = {{Limit::temperature, "temperature_max_c"},
                                                         {Limit::power, "power_max_w"},
                                                         {Limit::quiet_hours, "quiet_hours"},
                                                         {Limit::shared_hours, "shared_hours"},
                                                         {Limit::battery_floor, "battery_floor_percent"},
                                                         {Limit::memory, "memory_max_bytes"}};

template <typename Value>
json limit_or_null(const std::optional<Value>& value) {
  return value ? json(*value) : json(nullptr);
}

json hours_json(const std::optional<wire::DayHours>& hours) {
  return hours ? json(std::format("{}-{}", hours->from, hours->to)) : json(nullptr);
}

Parsed<std::optional<wire::DayHours>> read_hours(const Fields& fields, const char* name) {
  EXO_TRY(const auto text, fields.text(name));
  if (!text) return std::nullopt;
  const auto hours = node::parse_day_hours(*text);
  if (!hours) return bad_field(name, "invalid_value", "{}", hours.error().message);
  return *hours;
}

}  // namespace

json limits_json(const OwnerLimits& limits) {
  return {{"temperature_max_c", limit_or_null(limits.temperature_max_c)},
          {"power_max_w", limit_or_null(limits.power_max_w)},
          {"quiet_hours", hours_json(limits.quiet_hours)},
          {"shared_hours", hours_json(limits.shared_hours)},
          {"battery_floor_percent", limit_or_null(limits.battery_floor_percent)},
          {"memory_max_bytes", limit_or_null(limits.memory_max)}};
}

Parsed<wire::LimitChanges> read_limit_changes(const json& asked) {
  wire::LimitChanges changes;
  const Fields fields(asked);
  bool any = false;
  for (const auto& [limit, name] : kLimitNames) {
    if (!asked.contains(name)) continue;
    any = true;
    if (asked[name].is_null()) changes.lifted.push_back(limit);
  }
  if (!any) {
    return bad_field("limits", "missing_required_parameter",
                     "are missing; give one or more of temperature_max_c, power_max_w, quiet_hours, shared_hours, "
                     "battery_floor_percent and memory_max_bytes, null to lift one");
  }
  OwnerLimits& set = changes.set;
  EXO_TRY(set.temperature_max_c,
          fields.number("temperature_max_c", OwnerLimits::kTemperatureMinC, OwnerLimits::kTemperatureMaxC));
  EXO_TRY(set.power_max_w, fields.number("power_max_w", OwnerLimits::kPowerMinW, OwnerLimits::kPowerMaxW));
  EXO_TRY(set.quiet_hours, read_hours(fields, "quiet_hours"));
  EXO_TRY(set.shared_hours, read_hours(fields, "shared_hours"));
  EXO_TRY(const auto floor, fields.integer("battery_floor_percent", 1, 100));
  if (floor) set.battery_floor_percent = static_cast<uint32_t>(*floor);
  EXO_TRY(const auto memory,
          fields.integer("memory_max_bytes", static_cast<int64_t>(OwnerLimits::kMemoryMin), kMemoryMost));
  if (memory) set.memory_max = static_cast<Bytes>(*memory);
  return changes;
}

}  // namespace exogpu::api
