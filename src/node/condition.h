// The part of a node that knows how it does: reads its sensors now and then, beside the node's thread.
#pragma once

#include <functional>
#include <vector>

#include "cluster/condition.h"
#include "node/sensor_input.h"

namespace exogpu::node {

struct ConditionHost {
  // Runs a task on another thread, later; and on the node's thread, from any thread.
  std::function<void(std::move_only_function<void()>)> in_background;
  std::function<void(std::move_only_function<void()>)> post;
  // Takes its time; one call after the other, in the background.
  std::function<cluster::SensorReadings()> read_sensors;
  // The sensors were read.
  std::function<void()> on_reading;
};

// On the node's thread. The host runs no task of it after it is destroyed.
class Condition {
 public:
  explicit Condition(ConditionHost host) : host_(std::move(host)) {}

  // Reads the sensors, unless a reading is in flight.
  void read();
  // As the last reading has it, with the shards that this node has loaded for these plans.
  wire::NodeCondition current(const std::vector<const cluster::LocalPlan*>& plans) const;

 private:
  ConditionHost host_;
  bool reading_ = false;
  cluster::ConditionFilter watch_;
};

}  // namespace exogpu::node
