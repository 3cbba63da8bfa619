#include "telemetry/heat/heat_governor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <format>

namespace exogpu::telemetry {
namespace {

using std::chrono::seconds;
using wire::HeatAction;

constexpr std::array<Duration, 2> kAhead{seconds(5), seconds(20)};  // so far ahead it stays below the target
constexpr std::array<Duration, 1> kLater{seconds(60)};
constexpr std::array<Duration, 2> kForGood{seconds(60), seconds(600)};
constexpr double kRiseEachS = 0.04;  // of the pace
constexpr double kBelowOwnLimitC = 1, kBelowThrottlingC = 2, kHardLimitC = 1.5;
constexpr double kHardwareBetter = 1.05, kTrialBetter = 1.05, kTrialRateLeast = 0.8;
constexpr double kPausesWorse = 0.95;
constexpr double kQuietPace = 0.5;
constexpr double kBusyShows = 0.1, kIdleShows = 0.03, kBusyAlways = 0.8;
constexpr seconds kTrialTakes{8}, kTrialPause{600}, kBetweenSteps{10};

double weight(double elapsed_s, double over_s) { return 1 - std::exp(-elapsed_s / over_s); }

void follow(std::optional<double>& mean, double value, double share) {
  mean = mean ? *mean + (value - *mean) * share : value;
}

// It is not to come nearer to it than kHardLimitC, whatever the model says.
double hard_limit_c(const HeatInput& input, const HeatLimits& limits) {
  return std::min(input.limit_c.value_or(1000), limits.temperature_max_c.value_or(1000) + kHardLimitC);
}

}  // namespace

std::string what_is_done(const HeatDecision& decision) {
  if (decision.action == HeatAction::none) return "computes as fast as it can";
  std::string what = std::format("computes at most {:.0f} % of the time", 100 * decision.pace);
  if (decision.threads < 1) what += std::format(" with {:.0f} % of its threads", 100 * decision.threads);
  if (decision.action == HeatAction::fewer_layers) what += " and asks for fewer layers";
  if (decision.action == HeatAction::leaving) what += " and leaves all plans that can do without it";
  return what;
}

bool HeatGovernor::Lasting::holds(bool now_true, Duration for_so_long, Time now) {
  if (!now_true) since.reset();
  if (now_true && !since) since = now;
  return now_true && now - *since >= for_so_long;
}

// Energy counters have no value at first, so that the unit is settled by the third sample.
double HeatGovernor::power_of(const HeatInput& input) {
  if (!in_watts_ && (input.power_w || ++samples_ >= 4)) in_watts_ = input.power_w.has_value();
  if (in_watts_.value_or(false)) {
    last_power_ = input.power_w.value_or(last_power_);
  } else {
    const double clock = input.throttled ? input.clock.value_or(1) : 1;
    last_power_ = std::clamp(input.utilization.value_or(input.busy), 0.0, 1.0) * clock;
  }
  return last_power_;
}

void HeatGovernor::learn_power(const HeatInput& input, double power) {
  if (input.busy < kIdleShows) follow(idle_, power, weight(elapsed_s_, 10));
  if (input.busy < kBusyShows) return;
  // Without an idle moment so far, a tenth of the power is taken for what an idle device draws.
  const double added = std::max((power - idle_.value_or(power / 10)) / input.busy, 1e-3 * power);
  follow(added_, added, weight(elapsed_s_, 3));
  if (!input.throttled && decision_.threads == 1) follow(added_cool_, added, weight(elapsed_s_, 10));
  if (added_ > 0) {
    const double efficiency = input.rate.value_or(input.clock.value_or(1)) / *added_;
    efficiency_ += (efficiency - efficiency_) * weight(elapsed_s_, 2);
  }
}

// What the hardware computes at the lower clock, as a share of what it computes cool, against the share of the power.
void HeatGovernor::learn_throttling(const HeatInput& input, double power) {
  const std::optional<double> rate = input.rate ? input.rate : input.clock;
  const bool shows = input.throttled && input.busy > 0.3 && rate && added_cool_ && decision_.threads == 1;
  if (input.throttled && !throttled_.since && input.celsius) {
    throttles_at_c_ = std::min(throttles_at_c_.value_or(1000), *input.celsius);
  }
  if (!throttled_.holds(input.throttled, seconds(3), input.now) || !shows) return;
  follow(throttled_rate_, *rate, weight(elapsed_s_, 5));
  if (!in_watts_.value_or(false)) return;
  const double share = (power - idle_.value_or(power / 10)) / input.busy / *added_cool_;
  if (share > 0.01 && share < 0.97) follow(hardware_worth_, *rate / share, weight(elapsed_s_, 5));
}

std::optional<double> HeatGovernor::hardware_limit(const HeatInput& input) const {
  std::optional<double> limit = input.slowdown_c ? input.slowdown_c : input.limit_c;
  if (!limit && throttles_at_c_) limit = *throttles_at_c_ + kMarginC - kBelowThrottlingC;
  return limit;
}

// Whether the hardware is to be left alone, as it computes more while it throttles than pauses leave.
bool HeatGovernor::hardware_is_better() const {
  return pauses_are_worse_ || hardware_worth_.value_or(0) > kHardwareBetter;
}

// Pauses that leave less than the hardware did are given up.
void HeatGovernor::compare_pauses(const HeatInput& input, bool limited) {
  const bool paused = limited && !input.throttled && decision_.pace < 0.9 && throttled_rate_.has_value();
  if (worse_.holds(paused && speed_ < kPausesWorse * throttled_rate_.value_or(0), seconds(20), input.now)) {
    pauses_are_worse_ = true;
  }
}

HeatGovernor::Allowed HeatGovernor::allowed(const HeatInput& input, std::optional<double> celsius,
                                            std::span<const Duration> ahead) const {
  Allowed out = allowed_by_power(input, ahead);
  if (input.quiet && out.pace > kQuietPace) out = {.pace = kQuietPace, .bound = Bound::quiet};
  if (celsius && *celsius > hard_limit_c(input, limits_) - kHardLimitC) out.pace = kPaceMin;
  out.pace = std::max(out.pace, kPaceMin);
  return out;
}

// All of it until it is known what computing adds to the power.
HeatGovernor::Allowed HeatGovernor::allowed_by_power(const HeatInput& input, std::span<const Duration> ahead) const {
  if (!added_ || *added_ <= 0) return {};
  double power = 1e9;
  Allowed out;
  const auto stay_below = [&](Bound bound, double target_c, double most_c) {
    for (const Duration each : ahead) {
      const double error_c = model_.predict(last_power_, each).error_c;
      const double least = model_.power_for(std::min(target_c, std::max(most_c - error_c, target_c - 3)), each);
      if (least >= power) continue;
      power = least;
      out = {.bound = bound, .target_c = target_c};
    }
  };
  const std::optional<double> limit = hardware_limit(input);
  const bool hardware = hardware_is_better();
  if (model_.ready()) {
    if (limit && !hardware) stay_below(Bound::hardware, *limit - kMarginC, *limit - 1);
    // Once it is known what the hardware leaves.
    const bool known = in_watts_.value_or(false) ? hardware_worth_.value_or(2) < 1 : throttled_rate_.has_value();
    if (throttles_at_c_ && !hardware && known) {
      stay_below(Bound::throttling, *throttles_at_c_ - kBelowThrottlingC, *throttles_at_c_ - kBelowThrottlingC);
    }
    if (hardware && input.limit_c) stay_below(Bound::hardware, *input.limit_c - 2, *input.limit_c - 2);
    if (const auto& own_c = limits_.temperature_max_c) {
      stay_below(Bound::own_temperature, *own_c - kBelowOwnLimitC, *own_c - kBelowOwnLimitC);
    }
  }
  if (limits_.power_max_w && in_watts_.value_or(false) && *limits_.power_max_w < power) {
    power = *limits_.power_max_w;
    out.bound = Bound::own_power;
  }
  out.pace = (power - idle_.value_or(last_power_ / 10)) / *added_;
  return out;
}

void HeatGovernor::set_threads(double threads) {
  if (added_) *added_ *= std::sqrt(threads / decision_.threads);  // until it is measured
  decision_.threads = threads;
}

// While heat limits it: whether fewer threads compute more with the same power. Tried for some seconds, and kept where
// that is so.
void HeatGovernor::choose_threads(const HeatInput& input, bool limited) {
  if (!has_threads_ || !input.rate) return;
  if (trial_) {
    if (input.now - trial_->began < kTrialTakes) return;
    // What shorter pauses do not make up must be little: the hardware's clock may take minutes to.
    const bool slower = decision_.pace >= 1 && *input.rate < kTrialRateLeast * trial_->rate_before;
    if (efficiency_ < kTrialBetter * trial_->efficiency_before || slower) {
      set_threads(trial_->threads_before);
      no_trial_before_ = input.now + kTrialPause;
    }
    trial_.reset();
    limited_.since.reset();
    return;
  }
  if (unlimited_.holds(!limited && input.busy > kBusyShows, seconds(60), input.now) && decision_.threads < 1) {
    set_threads(std::min(1.0, 2 * decision_.threads));
    unlimited_.since.reset();
  }
  if (!limited_.holds(limited && input.busy > 0.2, kBetweenSteps, input.now) || decision_.threads <= 0.25) return;
  if (no_trial_before_ && input.now < *no_trial_before_) return;
  trial_ = Trial{.began = input.now,
                 .threads_before = decision_.threads,
                 .efficiency_before = efficiency_,
                 .rate_before = *input.rate};
  set_threads(decision_.threads / 2);
}

void HeatGovernor::choose_action(const HeatInput& input, std::optional<double> celsius, bool limited) {
  const Time now = input.now;
  HeatAction& action = decision_.action;
  const double hard_c = hard_limit_c(input, limits_);
  const bool resting = decision_.pace <= 2 * kPaceMin;
  if (critical_.holds(celsius && *celsius > hard_c - kHardLimitC && resting, seconds(5), now)) {
    action = HeatAction::leaving;
    return;
  }
  if (action == HeatAction::leaving &&
      !cool_.holds(celsius && *celsius < hard_c - 3 * HeatGovernor::kMarginC, seconds(60), now)) {
    return;
  }
  // Layers that it does not have cost it nothing: only while it is asked for more than it may do is it too slow, and it
  // has recovered when it could keep its pace for good.
  const bool very_slow = very_slow_.holds(limited && speed_ < 0.6, seconds(30), now);
  const bool recovers =
      action == HeatAction::fewer_layers && hardly_slow_.holds(std::min(speed_, sustained_) > 0.8, seconds(120), now);
  const bool asks = very_slow || (action == HeatAction::fewer_layers && !recovers);
  const bool slow = slow_.holds(decision_.pace < 0.7, seconds(5), now) || decision_.threads < 1;
  const bool reduced = slow || (action == HeatAction::reduced && !fast_.holds(decision_.pace > 0.8, seconds(10), now));
  const bool paced =
      decision_.pace < 0.95 || (action != HeatAction::none && !full_.holds(decision_.pace > 0.99, seconds(10), now));
  action = asks      ? HeatAction::fewer_layers
           : reduced ? HeatAction::reduced
           : paced   ? HeatAction::paced
                     : HeatAction::none;
}

// With fewer layers it is not slow: the speed for which it has them stays until it is asked for more than that.
void HeatGovernor::set_speed(const HeatInput& input, bool limited) {
  const double now = input.busy > 0.8 * decision_.pace ? decision_.pace * input.rate.value_or(1) : 1;
  speed_ += (now - speed_) * weight(elapsed_s_, 30);
  if (decision_.action < HeatAction::fewer_layers) {
    decision_.speed = 1;
  } else if (limited || decision_.speed == 1) {
    decision_.speed = std::clamp(speed_, kPaceMin, 1.0);
  }
}

std::string HeatGovernor::reason_of() const {
  if (decision_.action == HeatAction::none) return {};
  const auto why = [&]() -> std::string {
    switch (bound_.bound) {
      case Bound::none: break;
      case Bound::hardware: return std::format("it is to stay below {:.0f} °C", bound_.target_c);
      case Bound::throttling:
        return std::format("it is to stay below {:.0f} °C, above which it slows down", bound_.target_c);
      case Bound::own_temperature:
        return std::format("it is to stay below {:.0f} °C (--temperature-max)", bound_.target_c + kBelowOwnLimitC);
      case Bound::own_power:
        return std::format("it is to draw at most {:.0f} W (--power-max)", limits_.power_max_w.value_or(0));
      case Bound::quiet: return "these are quiet hours (--quiet-hours)";
    }
    return "it is to stay cool";
  };
  return sensor_.stuck() ? why() + "; its temperature sensor is stuck" : why();
}

const HeatDecision& HeatGovernor::update(const HeatInput& input) {
  if (updated_at_) elapsed_s_ = std::clamp(std::chrono::duration<double>(input.now - *updated_at_).count(), 0.01, 5.0);
  updated_at_ = input.now;
  const double power = power_of(input);
  const auto expected = model_.ready() ? std::optional(model_.celsius()) : std::nullopt;
  const std::optional<double> celsius = sensor_.believed(input.celsius, expected, input.now);
  if (celsius) {
    model_.update(*celsius, power, input.now);
  } else {
    model_.coast(power, input.now);
  }
  learn_power(input, power);
  learn_throttling(input, power);
  const std::optional<double> now_c = celsius          ? celsius
                                      : model_.ready() ? std::optional(model_.celsius())
                                                       : std::nullopt;
  const Allowed may = allowed(input, now_c, kAhead);
  // What it computes all of the time now shows more than what the model thinks of the far future.
  sustained_ = std::min(
      1.0, input.busy > kBusyAlways ? allowed(input, now_c, kLater).pace : allowed(input, now_c, kForGood).pace);
  decision_.pace = std::min({1.0, may.pace, decision_.pace + kRiseEachS * elapsed_s_});
  if (decision_.pace > 0.985) decision_.pace = 1;
  const bool limited = (decision_.pace < 0.97 && input.busy > 0.8 * decision_.pace) || input.throttled;
  choose_threads(input, limited);
  set_speed(input, limited);
  compare_pauses(input, limited);
  choose_action(input, now_c, limited);
  if (model_.ready()) {
    decision_.soon = model_.predict(power, seconds(10));
    decision_.later = model_.predict(power, seconds(60));
  }
  if (may.bound != Bound::none) bound_ = may;
  decision_.reason = reason_of();
  return decision_;
}

}  // namespace exogpu::telemetry
