// Whether a temperature can be believed: sensors send single wild values, and some stop at one.
#pragma once

#include <optional>

#include "telemetry/heat/thermal_model.h"

namespace exogpu::telemetry {

// Pure.
class SensorCheck {
 public:
  // The temperature, where it is credible after those before and by what the model expects now; to be called with each
  // sample. A value far from the last one is believed once it stays for two seconds. A sensor that has shown the same
  // value for a minute, while the model has the device warmer or cooler by some degrees, counts as stuck until it shows
  // another.
  std::optional<double> believed(std::optional<double> celsius, std::optional<double> expected_c, Time now);
  bool stuck() const { return stuck_; }

 private:
  std::optional<double> last_c_;  // that was believed
  std::optional<Time> far_since_, same_since_;
  double expected_then_c_ = 0;  // when the present value came
  bool stuck_ = false;
};

}  // namespace exogpu::telemetry
