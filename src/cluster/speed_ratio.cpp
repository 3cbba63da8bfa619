#include "cluster/speed_ratio.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace exogpu::cluster {
namespace {

constexpr double kPercentMin = wire::MeasuredPercent::kMin, kPercentMax = wire::MeasuredPercent::kMax;

constexpr std::chrono::seconds kAtOnceMost{10};

bool report_one(uint32_t& reported, double ratio) {
  if (std::abs(std::log(100 * ratio / reported)) <= std::log(1 + SpeedRatios::kStep)) return false;
  const auto now = static_cast<uint32_t>(std::lround(std::clamp(100 * ratio, kPercentMin, kPercentMax)));
  return std::exchange(reported, now) != now;
}

}  // namespace

void SpeedRatio::add(double ratio, Time now) {
  steps_.push_back(std::log(std::clamp(ratio, kPercentMin / 100, kPercentMax / 100)));
  if (steps_.size() < kSteps) return;
  const auto middle = steps_.begin() + kSteps / 2;
  std::ranges::nth_element(steps_, middle);
  const double median = *middle, before = std::log(value(now));
  steps_.clear();
  // A pause before these steps makes them no more certain.
  const Duration served = std::clamp(Duration(now - at_), Duration(), Duration(kAtOnceMost));
  const double passed = std::chrono::duration<double>(served) / std::chrono::duration<double>(kOver);
  const double first = ++medians_ <= kFirst ? 1.0 / medians_ : 0;
  const double follow = std::max(first, 1 - std::exp(-passed));
  log_ = before + (log_ ? follow : 1) * (median - before);
  at_ = now;
}

double SpeedRatio::value(Time now) const {
  if (!log_) return 1;
  const double ages = std::chrono::duration<double>(now - at_) / std::chrono::duration<double>(kForget);
  return std::exp(*log_ * std::exp2(-std::max(ages, 0.0)));
}

bool SpeedRatios::report(wire::MeasuredPercent& reported, Time now) const {
  const bool few_changes = report_one(reported.few, few.value(now));
  return report_one(reported.many, many.value(now)) || few_changes;
}

}  // namespace exogpu::cluster
