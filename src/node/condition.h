// The part of a node that knows how it does, as the cluster's state has it: coarse, and seldom another.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "cluster/condition.h"
#include "telemetry/sample.h"

namespace exogpu::node {

// The sample in the form that cluster::ConditionFilter takes.
cluster::SensorReadings sensor_readings(const telemetry::Sample& sample);

// Lets the application around the node change what was read, in the sample itself.
void adjust(telemetry::Sample& sample, const std::function<void(cluster::SensorReadings&)>& change);

// As cluster::ConditionLimits has it.
std::optional<double> charge_floor(const wire::OwnerLimits& limits);

// On the node's thread.
class Condition {
 public:
  explicit Condition(const cluster::ConditionLimits& limits = {}) : watch_(limits) {}

  // True: what the node reports has changed.
  bool update(const cluster::SensorReadings& readings, cluster::Time now);
  void set_charge_floor(std::optional<double> floor) { watch_.set_charge_floor(floor); }
  // As the last readings have it, with the shards that this node has loaded for these plans.
  wire::NodeCondition current(const std::vector<const cluster::LocalPlan*>& plans) const;

 private:
  cluster::ConditionFilter watch_;
};

}  // namespace exogpu::node
