#include "telemetry/heat/thermal_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace exogpu::telemetry {
namespace {

using std::chrono::seconds;

constexpr size_t kStages = kTimeConstantsS.size();
// Of a device that nothing is known of, and of one that is remembered: rises of temperature at the highest power so
// far.
constexpr double kRiseC = 8, kRiseDeviationC = 8, kRememberedDeviationC = 2;
constexpr double kAmbientC = 25, kAmbientDeviationC = 5;
constexpr double kRiseMaxC = 150, kAmbientMinC = -10, kAmbientMaxC = 50;
// The weight of a second: its samples are not independent, since what the model lacks lasts longer.
constexpr double kSecondDeviationC = 3;
constexpr double kForgottenAfterS = 3600;
constexpr int kSweeps = 100;
constexpr double kOffsetOverS = 3, kOffsetLastsS = 90;
constexpr double kErrorOverS = 120;
constexpr double kJudgeEveryS = 2;
constexpr double kNineOfTen = 1.645;  // in deviations

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

double decay(double elapsed_s, double constant_s) { return std::exp(-elapsed_s / constant_s); }

}  // namespace

ThermalModel::ThermalModel(const ThermalParameters& remembered)
    : parameters_(remembered),
      horizons_{Horizon{.ahead = seconds(10), .variance = 9}, Horizon{.ahead = seconds(60), .variance = 36}} {
  const bool known = remembered.power_max_w > 0;
  expected_.fill(kRiseC);
  deviation_.fill(known ? kRememberedDeviationC : kRiseDeviationC);
  for (size_t i = 0; known && i < kStages; ++i) expected_[i + 1] = remembered.c_per_w[i] * remembered.power_max_w;
  expected_[0] = known ? remembered.ambient_c : kAmbientC;
  deviation_[0] = kAmbientDeviationC;  // perhaps in another room
}

double ThermalModel::modelled() const {
  double celsius = parameters_.ambient_c;
  for (size_t i = 0; i < kStages; ++i) celsius += parameters_.c_per_w[i] * power_w_[i];
  return celsius;
}

// Powers are shares of the highest so far, so that their unit does not matter. What is expected of the parameters
// stays: a device that was idle until now has shown next to nothing of its resistances.
void ThermalModel::scale_to(double power_w) {
  const double before = parameters_.power_max_w;
  if (power_w <= before) return;
  parameters_.power_max_w = power_w;
  if (before <= 0) {
    for (double& resistance : parameters_.c_per_w) resistance = kRiseC / power_w;
    return;
  }
  const double ratio = before / power_w;
  for (size_t i = 1; i < kTerms; ++i) {
    moments_[i] *= ratio;
    for (size_t j = 0; j < kTerms; ++j) {
      products_[i][j] *= ratio;
      products_[j][i] *= ratio;
    }
  }
}

void ThermalModel::advance(double power_w, double elapsed_s) {
  for (size_t i = 0; i < kStages; ++i)
    power_w_[i] = power_w + (power_w_[i] - power_w) * decay(elapsed_s, kTimeConstantsS[i]);
}

void ThermalModel::observe(double celsius, double elapsed_s) {
  const double kept = decay(elapsed_s, kForgottenAfterS);
  const double weight = std::min(elapsed_s, 1.0) / (kSecondDeviationC * kSecondDeviationC);
  Terms x{1};
  for (size_t i = 1; i < kTerms; ++i) x[i] = power_w_[i - 1] / parameters_.power_max_w;
  for (size_t i = 0; i < kTerms; ++i) {
    moments_[i] = moments_[i] * kept + weight * x[i] * celsius;
    for (size_t j = 0; j < kTerms; ++j) products_[i][j] = products_[i][j] * kept + weight * x[i] * x[j];
  }
}

// Least squares of the samples and what is expected, within the bounds: coordinate descent (projected Gauss-Seidel)
// from where the last one ended.
void ThermalModel::fit() {
  const double full = parameters_.power_max_w;
  Terms at{parameters_.ambient_c};
  for (size_t i = 1; i < kTerms; ++i) at[i] = parameters_.c_per_w[i - 1] * full;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (size_t i = 0; i < kTerms; ++i) {
      const double weight = 1 / (deviation_[i] * deviation_[i]);
      double sum = moments_[i] + weight * expected_[i];
      for (size_t j = 0; j < kTerms; ++j) sum -= i == j ? 0 : products_[i][j] * at[j];
      at[i] =
          std::clamp(sum / (products_[i][i] + weight), i == 0 ? kAmbientMinC : 0.0, i == 0 ? kAmbientMaxC : kRiseMaxC);
    }
  }
  parameters_.ambient_c = at[0];
  for (size_t i = 1; i < kTerms; ++i) parameters_.c_per_w[i - 1] = at[i] / full;
}

// Compares with the predictions of then, with the power that there was since: x_i has it.
void ThermalModel::judge(double celsius, Time now) {
  for (Horizon& horizon : horizons_) {
    const double ahead_s = seconds_of(horizon.ahead);
    while (!horizon.pending.empty() && now - horizon.pending.front().at >= horizon.ahead) {
      const Pending& then = horizon.pending.front();
      double predicted = then.ambient_c + then.offset_c * decay(ahead_s, kOffsetLastsS);
      for (size_t i = 0; i < kStages; ++i) predicted += then.c_per_w[i] * power_w_[i];
      const double missed = celsius - predicted;
      horizon.variance += (missed * missed - horizon.variance) * (1 - decay(kJudgeEveryS, kErrorOverS));
      horizon.pending.pop_front();
    }
    if (!horizon.pending.empty() && seconds_of(now - horizon.pending.back().at) < kJudgeEveryS) continue;
    horizon.pending.push_back(
        {.at = now, .ambient_c = parameters_.ambient_c, .c_per_w = parameters_.c_per_w, .offset_c = offset_c_});
  }
}

void ThermalModel::begin(double celsius, double power_w) {
  scale_to(power_w);
  // A device that has just begun to compute is still cold.
  const double per_w = std::accumulate(parameters_.c_per_w.begin(), parameters_.c_per_w.end(), 0.0);
  const double steady_w = per_w > 0 ? (celsius - parameters_.ambient_c) / per_w : 0;
  power_w_.fill(std::clamp(steady_w, 0.0, power_w));
  offset_c_ = celsius - modelled();
}

void ThermalModel::update(double celsius, double power_w, Time now) {
  power_w = std::max(power_w, 0.0);
  if (!updated_at_) {
    begin(celsius, power_w);
    updated_at_ = now;
    return;
  }
  const double elapsed_s = seconds_of(now - *updated_at_);
  if (elapsed_s <= 0) return;
  updated_at_ = now;
  scale_to(power_w);
  advance(power_w, elapsed_s);
  if (parameters_.power_max_w > 0) {
    observe(celsius, elapsed_s);
    fit();
  }
  offset_c_ += (celsius - modelled() - offset_c_) * (1 - decay(elapsed_s, kOffsetOverS));
  judge(celsius, now);
}

void ThermalModel::coast(double power_w, Time now) {
  if (!updated_at_) return;
  const double elapsed_s = seconds_of(now - *updated_at_);
  if (elapsed_s <= 0) return;
  updated_at_ = now;
  advance(std::max(power_w, 0.0), elapsed_s);
  offset_c_ *= decay(elapsed_s, kOffsetLastsS);
  for (Horizon& horizon : horizons_) horizon.pending.clear();
}

double ThermalModel::celsius() const { return modelled() + offset_c_; }

// The variance between and beyond the horizons that are judged.
double ThermalModel::variance_at(double ahead_s) const {
  const double near_s = seconds_of(horizons_[0].ahead), far_s = seconds_of(horizons_[1].ahead);
  const double share = std::clamp((ahead_s - near_s) / (far_s - near_s), 0.0, 1.0);
  const double between = horizons_[0].variance + share * (horizons_[1].variance - horizons_[0].variance);
  return between * std::max(1.0, ahead_s / far_s);
}

ThermalPrediction ThermalModel::predict(double power_w, Duration ahead) const {
  const double ahead_s = seconds_of(ahead);
  double celsius = parameters_.ambient_c + offset_c_ * decay(ahead_s, kOffsetLastsS);
  for (size_t i = 0; i < kStages; ++i) {
    const double then_w = power_w + (power_w_[i] - power_w) * decay(ahead_s, kTimeConstantsS[i]);
    celsius += parameters_.c_per_w[i] * then_w;
  }
  return {.celsius = celsius, .error_c = kNineOfTen * std::sqrt(variance_at(ahead_s))};
}

double ThermalModel::power_for(double celsius, Duration ahead) const {
  const double without = predict(0, ahead).celsius, per_w = predict(1, ahead).celsius - without;
  return per_w > 0 ? (celsius - without) / per_w : celsius > without ? parameters_.power_max_w : 0;
}

}  // namespace exogpu::telemetry
