#include "telemetry/others_load.h"

#include <algorithm>
#include <cmath>

namespace exogpu::telemetry {
namespace {

constexpr double kMeanOverS = 300;
constexpr double kBusyMost = 0.02;

}  // namespace

// From nothing on, so that the first seconds of a node count as little as any others.
void OthersLoad::update(std::optional<double> utilization, double own, double busy, double elapsed_s) {
  if (!utilization || busy > kBusyMost) return;
  const double others = std::clamp(*utilization - own, 0.0, 1.0), before = mean_.value_or(0);
  mean_ = before + (others - before) * (1 - std::exp(-elapsed_s / kMeanOverS));
}

}  // namespace exogpu::telemetry
