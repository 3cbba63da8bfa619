#include "cluster/condition.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <utility>

#include "wire/device_group.h"

namespace exogpu::cluster {
namespace {

using namespace wire;

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

// Of a group ("cuda0+cuda1") that of the member for which the others have to wait.
const DeviceCondition* condition_of(const NodeRecord& node, std::string_view device) {
  const DeviceCondition* worst = nullptr;
  for (const std::string_view name : wire::group_members(device)) {
    const auto found = std::ranges::find(node.condition.devices, name, &DeviceCondition::device);
    if (found == node.condition.devices.end()) continue;
    const bool worse = worst == nullptr || found->heat > worst->heat ||
                       (found->heat == worst->heat && found->speed_percent < worst->speed_percent);
    if (worse) worst = &*found;
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
  if (device.heat.now == 0) {
    device.speed = 1;
  } else if (readings.speed && readings.load.value_or(1) >= 0.5) {
    device.speed = *readings.speed;  // the clock of an idle device does not show its heat
  }
}

const NodeCondition& ConditionFilter::update(const SensorReadings& readings, Time now) {
  const bool amounts = !amounts_at_ || now >= *amounts_at_ + limits_.amounts_every;
  load_ = mean(load_, readings.load, now);

  NodeCondition next = reported_;
  if (amounts) follow(next.load_percent, percent(load_), 100 * limits_.load_step);
  if (readings.charge) {
    if (!next.battery) next.battery.emplace();
    BatteryCondition& battery = *next.battery;
    const bool critical = *readings.charge < limits_.charge_low;
    const bool stays = low_.now == 1 && *readings.charge < limits_.charge_recovered;
    low_.update(readings.on_battery && (critical || stays) ? 1 : 0, limits_.better_after, now);
    battery.low = low_.now == 1;
    battery.on_battery = readings.on_battery;
    std::optional<uint32_t> charge = reported_.battery ? std::optional(battery.charge_percent) : std::nullopt;
    if (amounts) follow(charge, percent(readings.charge), 100 * limits_.charge_step);
    battery.charge_percent = charge.value_or(static_cast<uint32_t>(std::lround(*percent(readings.charge))));
  } else {
    next.battery.reset();
    low_ = {};
  }

  std::vector<DeviceCondition> devices;
  for (const DeviceReadings& read : readings.devices) {
    Device& device = devices_[read.device];
    const auto before = std::ranges::find(next.devices, read.device, &DeviceCondition::device);
    DeviceCondition condition{.device = read.device, .load_percent = {}, .temperature_c = {}};
    if (before != next.devices.end()) condition = *before;
    device.load = mean(device.load, read.load, now);
    update_heat(device, read, now);
    const auto heat = static_cast<Heat>(device.heat.now);
    const bool turned = std::exchange(condition.heat, heat) != heat;
    if (amounts || turned) {
      follow(condition.load_percent, percent(device.load), 100 * limits_.load_step);
      follow(condition.temperature_c, read.temperature_c, turned ? 1 : limits_.temperature_step_c);
      std::optional<uint32_t> speed = condition.speed_percent;
      follow(speed, percent(device.speed), device.speed == 1 ? 1 : 100 * limits_.speed_step);
      condition.speed_percent = std::max(*speed, 1U);
    }
    devices.push_back(std::move(condition));
  }
  next.devices = std::move(devices);
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

std::vector<placement::DeviceRule> rules_of(const NodeRecord& node, const DeviceRef& device) {
  std::vector<placement::DeviceRule> rules;
  if (node.condition.battery && node.condition.battery->low) {
    rules.push_back({.device = device,
                     .rule = placement::Rule::battery,
                     .reason = std::format("its node's battery is at {} % and discharging",
                                           node.condition.battery->charge_percent)});
  }
  const DeviceCondition* condition = condition_of(node, device.device);
  if (condition && condition->heat == Heat::critical)
    rules.push_back({.device = device, .rule = placement::Rule::heat, .reason = "it is critically hot"});
  return rules;
}

bool caches_are_given_up(const NodeRecords& nodes, const StagePlan& plan) {
  return std::ranges::any_of(plan.stages, [&](const PlannedStage& stage) {
    const auto node = nodes.find(stage.device.node);
    return node != nodes.end() && node->second.condition.memory.pressure >= MemoryPressure::cached;
  });
}

double speed_share(const NodeRecord& node, const std::string& device) {
  const DeviceCondition* condition = condition_of(node, device);
  return condition ? condition->speed_percent / 100.0 : 1;
}

}  // namespace exogpu::cluster
