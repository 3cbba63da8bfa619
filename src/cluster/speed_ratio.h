// A speed that is measured while it serves, as a share of the predicted one.
#pragma once

#include <optional>
#include <vector>

#include "cluster/detector.h"
#include "wire/condition.h"

namespace exogpu::cluster {

// By the median of some steps, so that a few that were disturbed do nothing. The first medians count alike, later ones
// as a mean of minutes, so that what disturbs the device for a while moves no layers; without new ones it returns to 1.
class SpeedRatio {
 public:
  static constexpr size_t kSteps = 12;                         // of a median
  static constexpr uint32_t kFirst = 4;                        // medians that count alike
  static constexpr Duration kOver = std::chrono::minutes(2);   // the time constant of that mean, of logarithms
  static constexpr Duration kForget = std::chrono::hours(12);  // after which half of it remains, as a logarithm

  void add(double ratio, Time now);
  double value(Time now) const;

 private:
  std::vector<double> steps_;
  std::optional<double> log_;
  uint32_t medians_ = 0;
  Time at_{};  // of the last one
};

// In steps of few tokens, and of many.
struct SpeedRatios {
  static constexpr double kStep = 0.05;  // by which a speed differs from the reported one before that changes
  SpeedRatio few, many;
  // True: it has changed.
  bool report(wire::MeasuredPercent& reported, Time now) const;
};

// From the first steps, or from one change that is reported to the next: every node is told, and a few steps beside
// other programs must move no layers.
inline constexpr Duration kSpeedsEvery = std::chrono::seconds(30);

}  // namespace exogpu::cluster
