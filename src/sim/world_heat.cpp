// Devices of a world that become warm while they compute, and what their nodes do about it.
#include <format>

#include "sim/warm_device.h"
#include "sim/world_node.h"

namespace exogpu::sim {

using telemetry::testing::SensorFault;

namespace {

constexpr double kSampleS = 0.5;
constexpr double kWarmUpS = 60;  // in which a governor learns how warm its device becomes

}  // namespace

void World::make_warm_devices() {
  if (scenario_.traces.empty()) return;
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i]->warm = std::make_unique<WarmDevice>(scenario_.traces[i % scenario_.traces.size()],
                                                   scenario_.temperature_max_c, options_.seed + i);
    after(seconds(kSampleS), [this, i] { advance_heat(i); });
  }
}

void World::set_sensor_fault(uint32_t number, SensorFault fault) {
  if (!nodes_[number]->warm) return;
  trace(std::format("the sensor of n{} {}", number, fault == SensorFault::none ? "is right again" : "lies"));
  nodes_[number]->warm->device().set_fault(fault);
}

cluster::DeviceReadings World::warm_readings(uint32_t number) {
  WarmDevice& warm = *nodes_[number]->warm;
  const telemetry::HeatDecision& decision = warm.decision();
  return {.device = "gpu0",
          .load = 1,
          .temperature_c = warm.sensed_c(),
          .limit_c = warm.device().trace().limit_c,
          .throttled = warm.device().throttles(),
          .speed = warm.device().clock(),
          .action = decision.action,
          .pace = decision.pace,
          .speed_left = decision.speed,
          .action_reason = decision.reason};
}

// The device goes on whether its node's program runs or not.
void World::advance_heat(uint32_t number) {
  SimNode& node = *nodes_[number];
  WarmDevice& warm = *node.warm;
  const bool runs = node.alive && now_ >= node.stalled_until;
  warm.advance(kSampleS, node.pacer ? node.pacer->take(now_) : pipeline::DeviceWork(), now_, runs);
  node.heat = warm.rate();
  outcome_.hottest_c = std::max(outcome_.hottest_c, warm.device().celsius());
  if (in_seconds(now_) > kWarmUpS && warm.device().celsius() > warm.bound_c()) {
    checks_.fail(std::format("the device of n{} is warmer than it may be: {:.1f} of {:.1f} degrees", number,
                             warm.device().celsius(), warm.bound_c()));
  }
  if (runs) {
    if (node.pacer && !has(InjectedBug::pace_ignored)) node.pacer->set(warm.limits());
    report_condition(number);
    update_drivers(number);
  }
  after(seconds(kSampleS), [this, number] { advance_heat(number); });
}

}  // namespace exogpu::sim
