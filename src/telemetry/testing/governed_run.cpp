#include "telemetry/testing/governed_run.h"

#include <algorithm>
#include <chrono>

namespace exogpu::telemetry::testing {
namespace {

constexpr double kSampleS = 0.5, kWarmUpS = 60;

}  // namespace

RunResult run(const HeatTrace& trace, const RunSettings& settings) {
  HeatedDevice device(trace, settings.seed);
  HeatGovernor governor(settings.limits, !trace.threads.empty(), settings.remembered);
  RunResult result;
  HeatDecision decision;
  Time now{};
  for (double at_s = 0; at_s < settings.seconds; at_s += kSampleS) {
    if (settings.disturb) settings.disturb(at_s, device);
    device.advance(kSampleS, decision.pace, decision.threads);
    result.joules += device.power_w() * kSampleS;
    if (at_s >= kWarmUpS) result.hottest_c = std::max(result.hottest_c, device.celsius());
    if (device.throttles()) result.throttled_s += kSampleS;
    now += std::chrono::milliseconds(500);
    if (settings.governed) {
      const auto before = decision.action;
      decision = governor.update({.now = now,
                                  .celsius = device.sensor_c(),
                                  .limit_c = trace.limit_c,
                                  .power_w = settings.knows_power ? std::optional(device.power_w()) : std::nullopt,
                                  .utilization = decision.pace * decision.threads,
                                  .clock = device.clock(),
                                  .throttled = device.throttles(),
                                  .busy = decision.pace,
                                  .rate = device.rate(decision.threads)});
      result.action_changes += decision.action != before ? 1 : 0;
    }
    if (settings.watch) settings.watch(at_s, device, decision);
  }
  result.tokens = device.tokens();
  result.learnt = governor.model().parameters();
  return result;
}

}  // namespace exogpu::telemetry::testing
