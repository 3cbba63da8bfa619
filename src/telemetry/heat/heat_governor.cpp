#include "telemetry/heat/heat_governor.h"

#include <algorithm>
#include <cmath>
#include <format>

namespace exogpu::telemetry {
namespace {

using std::chrono::seconds;
using wire::HeatAction;

constexpr seconds kNear{5}, kFar{20};  // so far ahead it stays below the target
constexpr double kRiseEachS = 0.04;    // of the pace
constexpr double kBelowOwnLimitC = 1, kBelowThrottlingC = 2, kHardLimitC = 1.5;
constexpr double kHardwareBetter = 1.05, kTrialBetter = 1.05;
constexpr double kPausesWorse = 0.95;
constexpr double kQuietPace = 0.5;
constexpr double kBusyShows = 0.1, kIdleShows = 0.03;
constexpr seconds kTrialTakes{8}, kTrialPause{600}, kBetweenSteps{10};

double weight(double elapsed_s, double over_s) { return 1 - std::exp(-elapsed_s / over_s); }

void follow(std::optional<double>& mean, double value, double share) {
  mean = mean ? *mean + (value - *mean) * share : value;
}

}  // namespace

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

// 1 or more: it need not rest.
double HeatGovernor::allowed_pace(const HeatInput& input, std::optional<double> celsius) const {
  if (!added_ || *added_ <= 0) return 1;
  double power = 1e9;
  const auto stay_below = [&](double target_c, double most_c) {
    for (const seconds ahead : {kNear, kFar}) {
      const double error_c = model_.predict(last_power_, ahead).error_c;
      power = std::min(power, model_.power_for(std::min(target_c, std::max(most_c - error_c, target_c - 3)), ahead));
    }
  };
  const std::optional<double> limit = hardware_limit(input);
  const bool hardware = hardware_is_better();
  if (model_.ready()) {
    if (limit && !hardware) stay_below(*limit - kMarginC, *limit - 1);
    // Once it is known what the hardware leaves.
    const bool known = in_watts_.value_or(false) ? hardware_worth_.value_or(2) < 1 : throttled_rate_.has_value();
    if (throttles_at_c_ && !hardware && known) {
      stay_below(*throttles_at_c_ - kBelowThrottlingC, *throttles_at_c_ - kBelowThrottlingC);
    }
    if (hardware && input.limit_c) stay_below(*input.limit_c - 2, *input.limit_c - 2);
    if (limits_.temperature_max_c) {
      stay_below(*limits_.temperature_max_c - kBelowOwnLimitC, *limits_.temperature_max_c - kBelowOwnLimitC);
    }
  }
  if (limits_.power_max_w && in_watts_.value_or(false)) power = std::min(power, *limits_.power_max_w);
  double pace = (power - idle_.value_or(last_power_ / 10)) / *added_;
  if (input.quiet) pace = std::min(pace, kQuietPace);
  const double hard_c = std::min(input.limit_c.value_or(1000), limits_.temperature_max_c.value_or(1000) + kHardLimitC);
  if (celsius && *celsius > hard_c - kHardLimitC) pace = kPaceMin;
  return std::max(pace, kPaceMin);
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
    if (efficiency_ < kTrialBetter * trial_->efficiency_before) {
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
  trial_ = Trial{.began = input.now, .threads_before = decision_.threads, .efficiency_before = efficiency_};
  set_threads(decision_.threads / 2);
}

void HeatGovernor::choose_action(const HeatInput& input, std::optional<double> celsius, bool limited) {
  const Time now = input.now;
  HeatAction& action = decision_.action;
  const double hard_c = std::min(input.limit_c.value_or(1000), limits_.temperature_max_c.value_or(1000) + kHardLimitC);
  const bool resting = decision_.pace <= 2 * kPaceMin;
  if (critical_.holds(celsius && *celsius > hard_c - kHardLimitC && resting, seconds(5), now)) {
    action = HeatAction::leaving;
    return;
  }
  if (action == HeatAction::leaving &&
      !cool_.holds(celsius && *celsius < hard_c - 3 * HeatGovernor::kMarginC, seconds(60), now)) {
    return;
  }
  // Layers that it does not have cost it nothing: only while it is asked for more than it may do is it too slow.
  const bool very_slow = very_slow_.holds(limited && speed_ < 0.6, seconds(30), now);
  const bool asks =
      very_slow || (action == HeatAction::fewer_layers && !hardly_slow_.holds(speed_ > 0.8, seconds(120), now));
  const bool slow = slow_.holds(decision_.pace < 0.7, seconds(5), now) || decision_.threads < 1;
  const bool reduced = slow || (action == HeatAction::reduced && !fast_.holds(decision_.pace > 0.8, seconds(10), now));
  const bool paced =
      decision_.pace < 0.95 || (action != HeatAction::none && !full_.holds(decision_.pace > 0.99, seconds(10), now));
  action = asks      ? HeatAction::fewer_layers
           : reduced ? HeatAction::reduced
           : paced   ? HeatAction::paced
                     : HeatAction::none;
}

std::string HeatGovernor::reason_of(const HeatInput& input) const {
  if (decision_.action == HeatAction::none) return {};
  std::string why = "it is to stay cool";
  if (sensor_.stuck()) why = "its temperature sensor is stuck, and it is to stay cool";
  if (input.quiet && decision_.pace >= kQuietPace * 0.98) why = "these are quiet hours";
  std::string what = std::format("computes at most {:.0f} % of the time", 100 * decision_.pace);
  if (decision_.threads < 1) what += std::format(" with {:.0f} % of its threads", 100 * decision_.threads);
  return what + ": " + why;
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
  const double allowed = allowed_pace(input, now_c);
  decision_.pace = std::min({1.0, allowed, decision_.pace + kRiseEachS * elapsed_s_});
  if (decision_.pace > 0.985) decision_.pace = 1;
  const bool limited = (decision_.pace < 0.97 && input.busy > 0.8 * decision_.pace) || input.throttled;
  choose_threads(input, limited);
  const double speed_now = input.busy > 0.8 * decision_.pace ? decision_.pace * input.rate.value_or(1) : 1;
  speed_ += (speed_now - speed_) * weight(elapsed_s_, 30);
  compare_pauses(input, limited);
  decision_.speed = std::clamp(speed_, kPaceMin, 1.0);
  choose_action(input, now_c, limited);
  if (model_.ready()) {
    decision_.soon = model_.predict(power, seconds(10));
    decision_.later = model_.predict(power, seconds(60));
  }
  decision_.reason = reason_of(input);
  return decision_;
}

}  // namespace exogpu::telemetry
