// A device under full load for half an hour, with a governor or without.
#pragma once

#include <functional>

#include "telemetry/heat/heat_governor.h"
#include "telemetry/testing/heated_device.h"

namespace exogpu::telemetry::testing {

struct RunSettings {
  uint64_t seed = 1;
  double seconds = 1800;
  bool governed = true;
  bool knows_power = true;  // it has a sensor of its power
  HeatLimits limits{};
  ThermalParameters remembered{};
  // Before each half second: makes the sensor lie, opens a window.
  std::function<void(double at_s, HeatedDevice& device)> disturb{};
  std::function<void(double at_s, const HeatedDevice& device, const HeatDecision& decision)> watch{};
};
struct RunResult {
  double tokens = 0, joules = 0;
  double hottest_c = 0;    // after the first minute
  double throttled_s = 0;  // by the hardware
  size_t action_changes = 0;
  ThermalParameters learnt{};
};

RunResult run(const HeatTrace& trace, const RunSettings& settings);

}  // namespace exogpu::telemetry::testing
