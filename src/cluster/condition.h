// What the sensors of a node say, made into what the others are told: steps so coarse that they seldom change, and that
// are left later than they are entered, so that no plan goes to and fro.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cluster/reconcile.h"
#include "wire/cluster_log.h"
#include "wire/condition.h"

namespace exogpu::cluster {

// What was read just now. What no sensor tells is absent.
struct DeviceReadings {
  std::string device;
  std::optional<double> load;  // 0..1, of the time since the last reading
  std::optional<double> temperature_c;
  std::optional<double> limit_c;  // where the hardware protects itself
  bool throttled = false;         // it has slowed down to cool, since the last reading
  std::optional<double> speed;    // 0..1, of its highest clock
};
struct SensorReadings {
  std::optional<double> load;    // of the processors
  std::optional<double> charge;  // 0..1, of all batteries; absent: it has none
  bool on_battery = false;
  std::vector<DeviceReadings> devices;
};

struct ConditionLimits {
  double charge_low = 0.20, charge_recovered = 0.30;
  double critical_below_limit_c = 2, hot_below_limit_c = 6, recovered_below_limit_c = 15;
  Duration critical_after = std::chrono::seconds(10);  // at that temperature
  Duration better_after = std::chrono::seconds(60);    // of the readings of a better state
  Duration amounts_every = std::chrono::seconds(30);   // load, temperature, charge and speed are told
  double load_step = 0.20, charge_step = 0.05, speed_step = 0.15, temperature_step_c = 8;
  Duration load_over = std::chrono::seconds(20);  // the mean that is told
};

class ConditionFilter {
 public:
  explicit ConditionFilter(ConditionLimits limits = {}) : limits_(limits) {}

  // To be called now and then; what it returns is mostly what it returned before.
  const wire::NodeCondition& update(const SensorReadings& readings, Time now);
  const wire::NodeCondition& reported() const { return reported_; }

 private:
  // Left for a better one when that has been so for a while.
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
  std::optional<double> mean(std::optional<double> before, std::optional<double> load, Time now) const;

  ConditionLimits limits_;
  wire::NodeCondition reported_;
  std::map<std::string, Device> devices_;
  Level low_;
  std::optional<double> load_;
  std::optional<Time> updated_at_, amounts_at_;
};

// What a node holds, for its condition. Layers that are loaded, whether they serve yet or not.
std::vector<wire::ResidentShard> shards_of(const LocalPlan& local);

// How much a plan is better off without a device of this node: 0: not at all; 1: the battery is low; 2: the device is
// critically hot.
inline constexpr int kAvoidanceMax = 2;
int avoidance(const wire::NodeRecord& node, const std::string& device);
// In words; empty: nothing speaks against it.
std::string avoided_reason(const wire::NodeRecord& node, const std::string& device);

// 0..1: the share of its measured rates that a device reaches as hot as it is.
double speed_share(const wire::NodeRecord& node, const std::string& device);

}  // namespace exogpu::cluster
