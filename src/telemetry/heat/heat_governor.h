// Keeps a device below its limits of temperature and power before the hardware does: how much of the time its shards
// compute, with how many threads, and what plans are asked for.
//
// The thermal model gives the power with which the device just reaches its target; what of it computing adds gives the
// share of the time. Where the hardware has lowered its clock and computes more with the same power than pauses would
// leave it, the hardware is left alone.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "telemetry/heat/sensor_check.h"
#include "telemetry/heat/thermal_model.h"
#include "wire/condition.h"

namespace exogpu::telemetry {

// What the owner of the machine allows.
struct HeatLimits {
  std::optional<double> temperature_max_c{};
  std::optional<double> power_max_w{};
};

// Half a second of a device.
struct HeatInput {
  Time now{};
  std::optional<double> celsius{};
  std::optional<double> limit_c{};     // at which the hardware protects itself
  std::optional<double> slowdown_c{};  // at which it lowers its clock, where that is known
  std::optional<double> power_w{};
  std::optional<double> utilization{};  // 0..1, by all programs
  std::optional<double> clock{};        // 0..1 of its highest
  bool throttled = false;
  double busy = 0;               // 0..1, share of the time that shards computed on it
  std::optional<double> rate{};  // 0..1, how fast they compute, of the fastest so far
  bool quiet = false;            // at most half of the time is to be computed
};

struct HeatDecision {
  wire::HeatAction action = wire::HeatAction::none;
  double pace = 1;     // 0..1, the share of the time that shards may compute
  double threads = 1;  // 0..1, of those on the CPU
  double speed = 1;    // 0..1, what plans may count on of the device's speed; 1 unless they are to give it fewer layers
  std::optional<ThermalPrediction> soon{}, later{};  // in 10 and 60 s, with the power of now
  std::string reason{};                              // of the action, for people; empty: nothing is done
  friend bool operator==(const HeatDecision& a, const HeatDecision& b) {
    return a.action == b.action && a.pace == b.pace && a.threads == b.threads && a.speed == b.speed;
  }
};

// What the decision means for the device, for people: "computes at most 60 % of the time with 50 % of its threads".
std::string what_is_done(const HeatDecision& decision);

// Pure. One for each device; update() is to be called every half second.
class HeatGovernor {
 public:
  static constexpr double kMarginC = 6;  // below the limit of the hardware: an alert begins at 5
  static constexpr double kPaceMin = 0.03;

  // `has_threads`: it computes with the threads of a CPU, whose number can be lowered.
  HeatGovernor(const HeatLimits& limits, bool has_threads, const ThermalParameters& remembered = {})
      : limits_(limits), has_threads_(has_threads), model_(remembered) {}

  void set_limits(const HeatLimits& limits) { limits_ = limits; }  // from the next update on
  const HeatDecision& update(const HeatInput& input);
  const HeatDecision& decision() const { return decision_; }
  const ThermalModel& model() const { return model_; }
  // What the device draws while shards compute nothing; absent without a sensor of its power.
  std::optional<double> idle_w() const { return in_watts_.value_or(false) ? idle_ : std::nullopt; }
  // What computing all of the time adds to it, cool and with all threads; likewise.
  std::optional<double> busy_w() const { return in_watts_.value_or(false) ? added_cool_ : std::nullopt; }
  bool sensor_stuck() const { return sensor_.stuck(); }

 private:
  // A condition that must hold for some time before it counts.
  struct Lasting {
    std::optional<Time> since;
    bool holds(bool now_true, Duration for_so_long, Time now);
  };
  // What the power is bounded by.
  enum class Bound : uint8_t { none, hardware, throttling, own_temperature, own_power, quiet };
  struct Allowed {
    double pace = 1;  // 1 or more: it need not rest
    Bound bound = Bound::none;
    double target_c = 0;  // of a bound of the temperature
  };
  // The trial of another number of threads.
  struct Trial {
    Time began{};
    double threads_before = 1, efficiency_before = 0, rate_before = 0;
  };

  double power_of(const HeatInput& input);
  void learn_power(const HeatInput& input, double power);
  void learn_throttling(const HeatInput& input, double power);
  bool hardware_is_better() const;
  void compare_pauses(const HeatInput& input, bool limited);
  std::optional<double> hardware_limit(const HeatInput& input) const;
  // How it stays below its targets so far ahead.
  Allowed allowed(const HeatInput& input, std::optional<double> celsius, std::span<const Duration> ahead) const;
  Allowed allowed_by_power(const HeatInput& input, std::span<const Duration> ahead) const;
  void choose_threads(const HeatInput& input, bool limited);
  void set_threads(double threads);
  void choose_action(const HeatInput& input, std::optional<double> celsius, bool limited);
  void set_speed(const HeatInput& input, bool limited);
  std::string reason_of() const;

  HeatLimits limits_;
  bool has_threads_;
  ThermalModel model_;
  SensorCheck sensor_;
  HeatDecision decision_;
  std::optional<Time> updated_at_;
  double elapsed_s_ = 0.5;  // since the update before
  uint32_t samples_ = 0;
  std::optional<bool> in_watts_;  // the unit of powers; else shares of full load
  double last_power_ = 0;
  std::optional<double> idle_, added_;  // power without, and what computing all of the time adds
  std::optional<double> added_cool_;    // the same with a full clock and all threads
  std::optional<double> throttles_at_c_;
  std::optional<double> hardware_worth_;  // what the hardware computes when it throttles, of what pauses would leave
  std::optional<double> throttled_rate_;  // the rate while the hardware throttles
  bool pauses_are_worse_ = false;
  double efficiency_ = 0;  // rate per added power, of the last seconds
  double speed_ = 1;       // mean of half a minute, of what it is asked for
  double sustained_ = 1;   // the pace that it could keep for good
  Allowed bound_;          // the last that had one
  std::optional<Trial> trial_;
  std::optional<Time> no_trial_before_;
  Lasting throttled_, limited_, unlimited_, slow_, fast_, worse_, very_slow_, hardly_slow_, full_, critical_, cool_;
};

}  // namespace exogpu::telemetry
