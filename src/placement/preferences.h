// The order among plans that meet all constraints, most important preference first.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "placement/placement.h"

namespace exogpu::placement {

struct Preference {
  std::string_view name;
  double (*cost)(const wire::Plan& plan);  // less is better
};
// Speed by the objective, then fewer devices, then the other speeds.
std::span<const Preference> preferences(wire::Objective objective);

// Compares by the first preference in which the plans differ by more than rounding.
bool better(const wire::Plan& a, const wire::Plan& b, wire::Objective objective);

// "31.0 against 38.2 tokens/s"
std::string speeds_text(double value_s, double than_s, const PlacementRequest& request);

}  // namespace exogpu::placement
