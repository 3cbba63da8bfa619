// What a plan must not do, each with a name and a reason a person can read. Speed is no constraint: see preferences.h.
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
  // The reason, when the device breaks it.
  std::optional<std::string> (*breach)(const CostModel& model, size_t device);
};
std::span<const DeviceConstraint> device_constraints();

// Keeps two devices out of one plan, or apart in it.
struct PairConstraint {
  std::string_view name;
  std::optional<std::string> (*breach)(const CostModel& model, size_t device, size_t other);
};
std::span<const PairConstraint> pair_constraints();

struct Breach {
  std::string_view constraint;
  std::string reason;
};
// The first device constraint it breaks, if any.
std::optional<Breach> breach_of(const CostModel& model, size_t device);

}  // namespace exogpu::placement
