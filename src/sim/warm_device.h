// A node's device that becomes warm while it computes, and the governor that its node's program has for it.
#pragma once

#include "pipeline/pacer.h"
#include "sim/network.h"
#include "telemetry/heat/heat_governor.h"
#include "telemetry/testing/heated_device.h"

namespace exogpu::sim {

class WarmDevice {
 public:
  // `temperature_max_c`: that its owner allows; 0: whatever the hardware withstands.
  WarmDevice(const telemetry::testing::HeatTrace& trace, double temperature_max_c, uint64_t seed);

  // The program begins, with what was remembered on the node's disk.
  void start();
  // So much later: the device has done this work, and `governed` decides by its sensor. Without, nobody does.
  void advance(double for_s, const pipeline::DeviceWork& work, Time now, bool governed);

  telemetry::testing::HeatedDevice& device() { return device_; }
  const telemetry::HeatDecision& decision() const { return governor_.decision(); }
  pipeline::PaceLimits limits() const;
  std::optional<double> sensed_c() const { return sensed_c_; }  // at the last advance()
  double rate() const { return device_.rate(decision().threads); }
  // Which it must not exceed once it has been under load for a minute.
  double bound_c() const;

 private:
  telemetry::HeatLimits own_limits_;
  telemetry::testing::HeatedDevice device_;
  telemetry::ThermalParameters remembered_;
  telemetry::HeatGovernor governor_;
  std::optional<double> sensed_c_, rate_;
};

}  // namespace exogpu::sim
