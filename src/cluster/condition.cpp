#include "cluster/condition.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <utility>

namespace exogpu::cluster {
namespace {

using namespace wire;

// What is told stays until the value is a step away from it.
template <typename T>
void follow(std::optional<T>& told, std::optional<double> value, double step) {
  if (!value) {
    told.reset();
  } else if (!told || std::abs(static_cast<double>(*told) - *value) >= step) {
    told = static_cast<T>(std::lround(*value));
  }
}

std::optional<double> percent(std::optional<double> share) {
  return share ? std::optional(100 * std::clamp(*share, 0.0, 1.0)) : std::nullopt;
}

const DeviceCondition* condition_of(const NodeRecord& node, const std::string& device) {
  const auto found = std::ranges::find(node.condition.devices, device, &DeviceCondition::device);
  return found == node.condition.devices.end() ? nullptr : &*found;
}

}  // namespace

void ConditionWatch::Level::see(int level, Duration better_after, Time at) {
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

std::optional<double> ConditionWatch::mean(std::optional<double> before, std::optional<double> load, Time now) const {
  if (!load || !before || !seen_at_) return load ? load : before;
  const double passed = std::chrono::duration<double>(now - *seen_at_).count();
  const double weight = 1 - std::exp(-passed / std::chrono::duration<double>(limits_.load_over).count());
  return *before + (*load - *before) * weight;
}

void ConditionWatch::see_heat(Device& device, const DeviceSigns& signs, Time now) const {
  const bool known = signs.temperature_c && signs.limit_c;
  const double below_c = known ? *signs.limit_c - *signs.temperature_c : 1000;
  if (below_c > limits_.critical_below_limit_c) {
    device.critical_since.reset();
  } else if (!device.critical_since) {
    device.critical_since = now;
  }
  int level = signs.throttled || below_c <= limits_.hot_below_limit_c ? 1 : 0;
  if (device.critical_since && now >= *device.critical_since + limits_.critical_after) level = 2;
  // Only when it is well below is it any better.
  if (level < device.heat.now && below_c < limits_.well_below_limit_c) level = device.heat.now;
  device.heat.see(level, limits_.better_after, now);
  if (device.heat.now == 0) {
    device.speed = 1;
  } else if (signs.speed && signs.load.value_or(1) >= 0.5) {
    device.speed = *signs.speed;  // an idle device clocks down whatever its heat
  }
}

const NodeCondition& ConditionWatch::update(const Signs& signs, Time now) {
  const bool amounts = !amounts_at_ || now >= *amounts_at_ + limits_.amounts_every;
  load_ = mean(load_, signs.load, now);

  NodeCondition next = told_;
  if (amounts) follow(next.load_percent, percent(load_), 100 * limits_.load_step);
  if (signs.charge) {
    if (!next.battery) next.battery.emplace();
    BatteryCondition& battery = *next.battery;
    const bool critical = *signs.charge < limits_.charge_low;
    const bool stays = low_.now == 1 && *signs.charge < limits_.charge_well;
    low_.see(signs.on_battery && (critical || stays) ? 1 : 0, limits_.better_after, now);
    battery.low = low_.now == 1;
    battery.feeds = signs.on_battery;
    std::optional<uint32_t> charge = told_.battery ? std::optional(battery.charge_percent) : std::nullopt;
    if (amounts) follow(charge, percent(signs.charge), 100 * limits_.charge_step);
    battery.charge_percent = charge.value_or(static_cast<uint32_t>(std::lround(*percent(signs.charge))));
  } else {
    next.battery.reset();
    low_ = {};
  }

  std::vector<DeviceCondition> devices;
  for (const DeviceSigns& read : signs.devices) {
    Device& device = devices_[read.device];
    const auto before = std::ranges::find(next.devices, read.device, &DeviceCondition::device);
    DeviceCondition condition{.device = read.device, .load_percent = {}, .temperature_c = {}};
    if (before != next.devices.end()) condition = *before;
    device.load = mean(device.load, read.load, now);
    see_heat(device, read, now);
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
  seen_at_ = now;
  told_ = std::move(next);
  return told_;
}

std::vector<HeldShard> shards_of(const Holding& holding) {
  std::vector<HeldShard> shards;
  if (!holding.plan) return shards;
  for (const auto& [index, stage] : holding.stages) {
    if (stage.progress < Progress::loaded || index >= holding.plan->stages.size()) continue;
    const PlannedStage& planned = holding.plan->stages[index];
    shards.push_back({.device = planned.device.device,
                      .model = holding.plan->model,
                      .content = holding.plan->content,
                      .layers = planned.layers});
    if (shards.size() == kShardsMax) break;
  }
  return shards;
}

int avoided(const NodeRecord& node, const std::string& device) {
  const DeviceCondition* condition = condition_of(node, device);
  if (condition && condition->heat == Heat::critical) return 2;
  return node.condition.battery && node.condition.battery->low ? 1 : 0;
}

std::string why_avoided(const NodeRecord& node, const std::string& device) {
  switch (avoided(node, device)) {
    case 2: return "it is critically hot, and others can do its part";
    case 1:
      return std::format("its node's battery is at {} % and not being charged, and others can do its part",
                         node.condition.battery->charge_percent);
    default: return {};
  }
}

double speed_left(const NodeRecord& node, const std::string& device) {
  const DeviceCondition* condition = condition_of(node, device);
  return condition ? condition->speed_percent / 100.0 : 1;
}

}  // namespace exogpu::cluster
