// A device that heats: the physics behind a trace of tests/traces, for tests, measurements and the simulator.
//
// Heat flows from the chip through a chain of capacities and resistances into the air (Cauer's form). Like the hardware
// of the trace it lowers its clock step by step above given temperatures, and computes and draws power accordingly. Its
// sensor lags, is noisy and rounds; it can be made to lie.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace exogpu::telemetry::testing {

struct HeatNode {
  double j_per_c = 1;
  double c_per_w = 1;  // to the next, and from the last to the air
};
struct ClockPoint {
  double clock = 1, rate = 1, power = 1;  // shares of those at full clock
};
struct ThrottleStep {
  double above_c = 0, clock = 1;
};
struct ThreadPoint {
  double threads = 1, rate = 1, power = 1;  // shares of those with all threads
};
struct PublishedPoint {
  double at_s = 0, tokens_per_s = 0;
  std::optional<double> celsius{};
};

struct HeatTrace {
  std::string name{};
  double ambient_c = 25, limit_c = 100;
  double hysteresis_c = 2;  // a clock returns so far below the temperature above which it fell
  double throttle_every_s = 1;
  double tokens_per_s = 10;                     // cool, with all threads
  double idle_w = 1, active_w = 10;             // while nothing and while it computes, cool
  double lag_s = 1, noise_c = 0.3, step_c = 1;  // of the sensor
  std::vector<HeatNode> nodes{};                // from the chip, where the sensor is, to the air
  std::vector<ClockPoint> clocks{};             // the fastest first
  std::vector<ThrottleStep> throttle{};         // the coolest first
  std::vector<ThreadPoint> threads{};           // all first; empty: it has none
  std::vector<PublishedPoint> published{};
};

// Errors: not_found, invalid_argument naming the file and the line.
Result<HeatTrace> read_trace(const std::filesystem::path& file);

enum class SensorFault { none, stuck, absent, spikes };

class HeatedDevice {
 public:
  HeatedDevice(HeatTrace trace, uint64_t seed);

  // Computes for a share of the time, with a share of its threads.
  void advance(double for_s, double busy, double threads = 1);
  void set_fault(SensorFault fault) { fault_ = fault; }
  void set_ambient(double celsius) { trace_.ambient_c = celsius; }

  const HeatTrace& trace() const { return trace_; }
  double celsius() const { return celsius_.front(); }  // truly
  std::optional<double> sensor_c();
  double power_w() const { return power_w_; }  // mean of the last advance()
  double clock() const { return clock_; }      // share of the highest
  bool throttles() const { return clock_ < 1; }
  double tokens() const { return tokens_; }  // computed so far
  double rate(double threads = 1) const;     // of tokens while it computes, as a share of the cool one

 private:
  double noise();
  ClockPoint clock_point() const;
  ThreadPoint thread_point(double threads) const;
  void throttle();
  void flow(double for_s, double watts);

  HeatTrace trace_;
  uint64_t seed_, drawn_ = 0;    // see base/rng.h
  std::vector<double> celsius_;  // of the nodes
  double sensed_c_ = 0, clock_ = 1, power_w_ = 0, tokens_ = 0;
  double since_throttle_s_ = 0;
  SensorFault fault_ = SensorFault::none;
  std::optional<double> stuck_c_;
};

}  // namespace exogpu::telemetry::testing
