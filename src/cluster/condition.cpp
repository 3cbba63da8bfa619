#include "cluster/condition.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <tuple>
#include <utility>

#include "wire/device_group.h"

namespace exogpu::cluster {
namespace {

using namespace wire;

constexpr double kFloorRecovers = 0.05;
constexpr uint32_t kOthersPercentMax = 80;  // who computes gets something

// Keeps the reported value until the measured one is a step away from it.
template <typename T>
void follow(std::optional<T>& reported, std::optional<double> value, double step) {
  if (!value) {
    reported.reset();
  } else if (!reported || std::abs(static_cast<double>(*reported) - *value) >= step) {
    reported = static_cast<T>(std::lround(*value));
  }
}

std::optional<double> percent(std::optional<double> share) {
  return share ? std::optional(100 * std::clamp(*share, 0.0, 1.0)) : std::nullopt;
}

// How much the device is slowed down, or about to be.
std::tuple<Heat, HeatAction, int> slowness(const DeviceCondition& condition) {
  return {condition.heat, condition.action, -static_cast<int>(condition.speed_percent)};
}

// Of a group ("cuda0+cuda1") that of the member for which the others have to wait.
const DeviceCondition* condition_of(const NodeRecord& node, std::string_view device) {
  const DeviceCondition* worst = nullptr;
  for (const std::string_view name : wire::group_members(device)) {
    const auto found = std::ranges::find(node.condition.devices, name, &DeviceCondition::device);
    if (found == node.condition.devices.end()) continue;
    if (worst == nullptr || slowness(*found) > slowness(*worst)) worst = &*found;
  }
  return worst;
}

}  // namespace

void ConditionFilter::Level::update(int level, Duration better_after, Time at) {
  if (level >= now) {
    now = level;
    better_since.reset();
    return;
  }
  if (!better_since) better_since = at;
  if (at < *better_since + better_after) return;
  now = level;
  better_since.reset();
}

std::optional<double> ConditionFilter::mean(std::optional<double> before, std::optional<double> load, Time now) const {
  if (!load || !before || !updated_at_) return load ? load : before;
  const double passed = std::chrono::duration<double>(now - *updated_at_).count();
  const double weight = 1 - std::exp(-passed / std::chrono::duration<double>(limits_.load_over).count());
  return *before + (*load - *before) * weight;
}

void ConditionFilter::update_heat(Device& device, const DeviceReadings& readings, Time now) const {
  const bool known = readings.temperature_c && readings.limit_c;
  const double below_c = known ? *readings.limit_c - *readings.temperature_c : 1000;
  if (below_c > limits_.critical_below_limit_c) {
    device.critical_since.reset();
  } else if (!device.critical_since) {
    device.critical_since = now;
  }
  int level = readings.throttled || below_c <= limits_.hot_below_limit_c ? 1 : 0;
  if (device.critical_since && now >= *device.critical_since + limits_.critical_after) level = 2;
  // The level falls only when the temperature is well below the limit.
  if (level < device.heat.now && below_c < limits_.recovered_below_limit_c) level = device.heat.now;
  device.heat.update(level, limits_.better_after, now);
  if (readings.action >= HeatAction::fewer_layers) {
    device.speed = readings.speed_left;
  } else if (device.heat.now == 0) {
    device.speed = 1;
  } else if (readings.speed && readings.load.value_or(1) >= 0.5) {
    device.speed = *readings.speed;  // the clock of an idle device does not show its heat
  }
}

void ConditionFilter::update_battery(NodeCondition& condition, const SensorReadings& readings, bool amounts, Time now) {
  if (!readings.charge) {
    condition.battery.reset();
    low_ = given_up_ = {};
    return;
  }
  const double charge = *readings.charge;
  const auto below = [&](const Level& level, double critical, double recovered) {
    return readings.on_battery && (charge < critical || (level.now == 1 && charge < recovered)) ? 1 : 0;
  };
  low_.update(below(low_, limits_.charge_low, limits_.charge_recovered), limits_.better_after, now);
  int given_up = 0;
  if (const auto& floor = limits_.charge_floor) {
    given_up = *floor >= 1 ? static_cast<int>(readings.on_battery)
                           : below(given_up_, *floor, std::min(1.0, *floor + kFloorRecovers));
  }
  given_up_.update(given_up, limits_.plugged_after, now);
  std::optional<uint32_t> reported =
      reported_.battery ? std::optional(reported_.battery->charge_percent) : std::nullopt;
  if (amounts) follow(reported, percent(charge), 100 * limits_.charge_step);
  condition.battery = {.charge_percent = reported.value_or(static_cast<uint32_t>(std::lround(*percent(charge)))),
                       .on_battery = readings.on_battery,
                       .low = low_.now == 1,
                       .given_up = given_up_.now == 1};
}

// The amounts are those that were reported last, but at intervals and when the heat, or what is done about it, has
// changed.
DeviceCondition ConditionFilter::condition_of(const DeviceReadings& readings, bool amounts, Time now) {
  Device& device = devices_[readings.device];
  DeviceCondition condition{.device = readings.device, .load_percent = {}, .temperature_c = {}};
  const auto before = std::ranges::find(reported_.devices, readings.device, &DeviceCondition::device);
  if (before != reported_.devices.end()) condition = *before;
  device.load = mean(device.load, readings.load, now);
  update_heat(device, readings, now);
  const auto heat = static_cast<Heat>(device.heat.now);
  const bool turned = std::exchange(condition.heat, heat) != heat ||
                      std::exchange(condition.action, readings.action) != readings.action;
  condition.action = readings.action;
  if (!amounts && !turned) return condition;
  follow(condition.load_percent, percent(device.load), 100 * limits_.load_step);
  follow(condition.temperature_c, readings.temperature_c, turned ? 1 : limits_.temperature_step_c);
  std::optional<uint32_t> speed = condition.speed_percent, pace = condition.pace_percent;
  follow(speed, percent(device.speed), device.speed == 1 ? 1 : 100 * limits_.speed_step);
  follow(pace, percent(readings.pace), turned ? 1 : 100 * limits_.pace_step);
  condition.speed_percent = std::max(*speed, 1U);
  std::optional<uint32_t> others = condition.others_percent;
  follow(others, percent(readings.others.value_or(0)), 100 * limits_.others_step);
  condition.others_percent = *others;
  const bool acts = readings.action != HeatAction::none;
  condition.pace_percent = acts ? std::max(*pace, 1U) : 100;
  condition.action_reason = acts ? readings.action_reason.substr(0, kActionReasonCharsMax) : std::string();
  return condition;
}

const NodeCondition& ConditionFilter::update(const SensorReadings& readings, Time now) {
  const bool amounts = !amounts_at_ || now >= *amounts_at_ + limits_.amounts_every;
  load_ = mean(load_, readings.load, now);
  NodeCondition next = reported_;
  if (amounts) follow(next.load_percent, percent(load_), 100 * limits_.load_step);
  update_battery(next, readings, amounts, now);
  next.devices.clear();
  for (const DeviceReadings& read : readings.devices) next.devices.push_back(condition_of(read, amounts, now));
  if (amounts) amounts_at_ = now;
  updated_at_ = now;
  reported_ = std::move(next);
  return reported_;
}

std::vector<ResidentShard> shards_of(const std::vector<const LocalPlan*>& plans) {
  std::vector<ResidentShard> shards;
  for (const LocalPlan* local : plans) {
    if (!local->plan) continue;
    for (const auto& [index, stage] : local->stages) {
      if (stage.progress < StageReadiness::loaded || index >= local->plan->stages.size()) continue;
      if (shards.size() == kShardsMax) return shards;
      const PlannedStage& planned = local->plan->stages[index];
      shards.push_back({.device = planned.device.device,
                        .model = local->plan->model,
                        .content = local->plan->content,
                        .layers = planned.layers});
    }
  }
  return shards;
}

std::string excluded_reason(const NodeRecord& node) {
  if (!node.online) return "is offline: " + node.offline_reason;
  if (node.draining) return "is being drained";
  const auto& battery = node.condition.battery;
  if (!battery || !battery->given_up) return {};
  return std::format("has {} % of its battery left, less than its owner allows (--battery-floor); plug it in",
                     battery->charge_percent);
}

bool takes_part(const NodeRecord& node) { return excluded_reason(node).empty(); }

std::vector<placement::DeviceRule> rules_of(const NodeRecord& node, const DeviceRef& device) {
  std::vector<placement::DeviceRule> rules;
  if (!node.condition.owner.reserved.empty()) {
    rules.push_back({.device = device, .rule = placement::Rule::access, .reason = node.condition.owner.reserved});
  }
  if (node.condition.battery && node.condition.battery->low) {
    rules.push_back({.device = device,
                     .rule = placement::Rule::battery,
                     .reason = std::format("its node's battery is at {} % and discharging",
                                           node.condition.battery->charge_percent)});
  }
  const DeviceCondition* condition = condition_of(node, device.device);
  if (condition && condition->heat == Heat::critical) {
    rules.push_back({.device = device, .rule = placement::Rule::heat, .reason = "it is critically hot"});
  } else if (condition && condition->action == HeatAction::leaving) {
    rules.push_back({.device = device, .rule = placement::Rule::heat, .reason = "it leaves to cool"});
  }
  return rules;
}

bool chunks_are_small(const NodeRecords& nodes, const StagePlan& plan) {
  return std::ranges::any_of(plan.stages, [&](const PlannedStage& stage) {
    const auto node = nodes.find(stage.device.node);
    const DeviceCondition* condition = node == nodes.end() ? nullptr : condition_of(node->second, stage.device.device);
    return condition != nullptr && condition->action >= HeatAction::reduced;
  });
}

bool caches_are_given_up(const NodeRecords& nodes, const StagePlan& plan) {
  return std::ranges::any_of(plan.stages, [&](const PlannedStage& stage) {
    const auto node = nodes.find(stage.device.node);
    return node != nodes.end() && node->second.condition.memory.pressure >= MemoryPressure::cached;
  });
}

double speed_share(const NodeRecord& node, const std::string& device) {
  double slowest = 1;
  for (const std::string_view name : wire::group_members(device)) {
    const auto found = std::ranges::find(node.condition.devices, name, &DeviceCondition::device);
    if (found == node.condition.devices.end()) continue;
    slowest = std::min(slowest, found->speed_percent / 100.0 * share_left(*found));
  }
  return slowest;
}

double share_left(const DeviceCondition& condition) {
  return 1 - std::min(condition.others_percent, kOthersPercentMax) / 100.0;
}

}  // namespace exogpu::cluster
