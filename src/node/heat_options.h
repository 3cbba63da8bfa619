// What the owner of a machine allows its devices.
#pragma once

#include <optional>

#include "node/day_hours.h"

namespace exogpu::node {

struct HeatOptions {
  std::optional<double> temperature_max_c{};  // of each device
  std::optional<double> power_max_w{};        // likewise; without effect where the power is not measured
  std::optional<DayHours> quiet_hours{};
};

}  // namespace exogpu::node
