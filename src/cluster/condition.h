// Turns sensor readings into the condition that a node reports: in steps so coarse that it seldom changes, and with
// hysteresis, so that plans do not alternate.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/reconcile.h"
#include "placement/placement.h"
#include "wire/cluster_log.h"
#include "wire/condition.h"

namespace exogpu::cluster {

// One reading of the sensors. Values without a sensor are absent.
struct DeviceReadings {
  std::string device;
  std::optional<double> load;  // 0..1, of the time since the last reading
  std::optional<double> temperature_c;
  std::optional<double> limit_c;  // at which the hardware protects itself
  bool throttled = false;         // has slowed down to cool, since the last reading
  std::optional<double> speed;    // 0..1, of its highest clock
  // What the node does about its heat; see telemetry/heat/heat_governor.h.
  wire::HeatAction action = wire::HeatAction::none;
  double pace = 1;              // 0..1, the share of the time that its shards may compute
  double speed_left = 1;        // 0..1, of its cool speed, where the action asks for fewer layers
  std::string action_reason{};  // for people
  // 0..1, of what it can do, which other programs use: a mean of minutes, so that a short burst moves no layers.
  std::optional<double> others{};
};
struct SensorReadings {
  std::optional<double> load;    // of the processors
  std::optional<double> charge;  // 0..1, of all batteries; absent: no battery
  bool on_battery = false;
  std::vector<DeviceReadings> devices;
};

struct ConditionLimits {
  double charge_low = 0.20, charge_recovered = 0.30;
  // On battery and below it, the node is given up, until 0.05 above it; with 1 always while it is on battery.
  std::optional<double> charge_floor{};
  Duration plugged_after = std::chrono::seconds(10);  // until a node that was given up counts as plugged in
  double critical_below_limit_c = 2, hot_below_limit_c = 6, recovered_below_limit_c = 15;
  Duration critical_after = std::chrono::seconds(10);  // at that temperature
  Duration better_after = std::chrono::seconds(60);    // of readings of a better state
  Duration amounts_every = std::chrono::seconds(30);   // between reports of load, temperature, charge and speed
  double load_step = 0.20, charge_step = 0.05, speed_step = 0.15, pace_step = 0.2, others_step = 0.15,
         temperature_step_c = 8;
  Duration load_over = std::chrono::seconds(20);  // the time constant of the mean load
};

class ConditionFilter {
 public:
  explicit ConditionFilter(ConditionLimits limits = {}) : limits_(limits) {}

  // Called at intervals. Most calls return the same condition as the call before.
  const wire::NodeCondition& update(const SensorReadings& readings, Time now);
  const wire::NodeCondition& reported() const { return reported_; }
  void set_charge_floor(std::optional<double> floor) { limits_.charge_floor = floor; }  // from the next update on

 private:
  // Rises at once; falls when the readings have been better for `better_after`.
  struct Level {
    int now = 0;
    std::optional<Time> better_since;
    void update(int level, Duration better_after, Time at);
  };
  struct Device {
    Level heat;
    std::optional<Time> critical_since;
    std::optional<double> load;  // mean
    double speed = 1;
  };

  void update_heat(Device& device, const DeviceReadings& readings, Time now) const;
  void update_battery(wire::NodeCondition& condition, const SensorReadings& readings, bool amounts, Time now);
  wire::DeviceCondition condition_of(const DeviceReadings& readings, bool amounts, Time now);
  std::optional<double> mean(std::optional<double> before, std::optional<double> load, Time now) const;

  ConditionLimits limits_;
  wire::NodeCondition reported_;
  std::map<std::string, Device> devices_;
  Level low_, given_up_;
  std::optional<double> load_;
  std::optional<Time> updated_at_, amounts_at_;
};

// The resident shards of a node's plans, for its condition: layers that are loaded, whether they serve yet or not.
std::vector<wire::ResidentShard> shards_of(const std::vector<const LocalPlan*>& plans);

// Whether plans may use the node's devices at all: it is online, not drained, and its battery is not given up.
bool takes_part(const wire::NodeRecord& node);
// Why they may not, for people, behind the name of the node; empty when they may.
std::string excluded_reason(const wire::NodeRecord& node);

// Why plans do not use a device of this node: its owner has reserved it; or, if the others can hold the model: it is
// critically hot or leaves to cool, its node's battery is low. By placement's names of the constraints.
std::vector<placement::DeviceRule> rules_of(const wire::NodeRecord& node, const wire::DeviceRef& device);

// Whether a node of the plan gives up cached sequences: then the ring keeps none.
bool caches_are_given_up(const wire::NodeRecords& nodes, const wire::StagePlan& plan);

// Whether a device of the plan is to compute no long steps: then the ring cuts prompts in small chunks.
bool chunks_are_small(const wire::NodeRecords& nodes, const wire::StagePlan& plan);

// 0..1: the share of its measured rates that the device reaches at its present temperature, beside other programs.
double speed_share(const wire::NodeRecord& node, const std::string& device);
// 0..1: what other programs leave of the device.
double share_left(const wire::DeviceCondition& condition);

}  // namespace exogpu::cluster
