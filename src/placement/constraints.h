// The rules that a plan must meet, each with a name and a reason for people. Speed is a preference: see preferences.h.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "placement/cost.h"

namespace exogpu::placement {

// Keeps a device out of every plan.
struct DeviceConstraint {
  std::string_view name;
  // The reason, when the device violates the constraint.
  std::optional<std::string> (*breach)(const CostModel& model, size_t device);
};
std::span<const DeviceConstraint> device_constraints();

// Keeps two devices from being in one plan, or from being neighbours in it.
struct PairConstraint {
  std::string_view name;
  std::optional<std::string> (*breach)(const CostModel& model, size_t device, size_t other);
};
std::span<const PairConstraint> pair_constraints();

struct Breach {
  std::string_view constraint;
  std::string reason;
};
// The first device constraint that the device violates, if any.
std::optional<Breach> breach_of(const CostModel& model, size_t device);

}  // namespace exogpu::placement
