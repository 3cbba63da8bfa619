#include "sim/warm_device.h"

#include <algorithm>

namespace exogpu::sim {
namespace {

telemetry::HeatLimits limits_of(double temperature_max_c) {
  telemetry::HeatLimits limits;
  if (temperature_max_c > 0) limits.temperature_max_c = temperature_max_c;
  return limits;
}

constexpr double kAboveOwnC = 1.5;  // the hardware's sensor lags

}  // namespace

WarmDevice::WarmDevice(const telemetry::testing::HeatTrace& trace, double temperature_max_c, uint64_t seed)
    : own_limits_(limits_of(temperature_max_c)), device_(trace, seed), governor_(own_limits_, !trace.threads.empty()) {}

void WarmDevice::start() {
  remembered_ = governor_.model().parameters();
  governor_ = telemetry::HeatGovernor(own_limits_, !device_.trace().threads.empty(), remembered_);
}

double WarmDevice::bound_c() const {
  const double hardware_c = device_.trace().limit_c - 1;
  return own_limits_.temperature_max_c ? std::min(hardware_c, *own_limits_.temperature_max_c + kAboveOwnC) : hardware_c;
}

pipeline::PaceLimits WarmDevice::limits() const {
  const telemetry::HeatDecision& now = decision();
  return {.pace = now.pace,
          .threads = now.threads,
          .at_ease = now.action == wire::HeatAction::none && !device_.throttles()};
}

void WarmDevice::advance(double for_s, const pipeline::DeviceWork& work, Time now, bool governed) {
  const double busy = std::clamp(work.busy_s / for_s, 0.0, 1.0);
  device_.advance(for_s, busy, decision().threads);
  sensed_c_ = device_.sensor_c();
  if (work.rate) rate_ = work.rate;
  if (!governed) return;
  governor_.update({.now = now,
                    .celsius = sensed_c_,
                    .limit_c = device_.trace().limit_c,
                    .power_w = device_.power_w(),
                    .utilization = busy,
                    .clock = device_.clock(),
                    .throttled = device_.throttles(),
                    .busy = busy,
                    .rate = rate_});
}

}  // namespace exogpu::sim
