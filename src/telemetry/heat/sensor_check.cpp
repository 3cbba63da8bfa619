#include "telemetry/heat/sensor_check.h"

#include <cmath>

namespace exogpu::telemetry {
namespace {

constexpr double kJumpC = 15, kStuckDifferenceC = 8;
constexpr std::chrono::seconds kJumpLasts{2}, kStuckAfter{60};

}  // namespace

std::optional<double> SensorCheck::believed(std::optional<double> celsius, std::optional<double> expected_c, Time now) {
  if (!celsius || !std::isfinite(*celsius)) return std::nullopt;
  const double expected = expected_c.value_or(*celsius);
  if (!last_c_ || *celsius != *last_c_) {
    stuck_ = false;
    const bool far = last_c_ && std::abs(*celsius - *last_c_) > kJumpC && std::abs(*celsius - expected) > kJumpC;
    if (!far) far_since_.reset();
    if (far && !far_since_) far_since_ = now;
    if (far && now - *far_since_ < kJumpLasts) return std::nullopt;
    far_since_.reset();
    last_c_ = celsius;
    same_since_ = now;
    expected_then_c_ = expected;
    return celsius;
  }
  far_since_.reset();
  stuck_ = stuck_ || (now - *same_since_ >= kStuckAfter && std::abs(expected - expected_then_c_) > kStuckDifferenceC);
  return stuck_ ? std::nullopt : celsius;
}

}  // namespace exogpu::telemetry
