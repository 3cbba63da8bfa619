// The rules that a plan must meet, each with a name and a reason for people, composed for each question. Speed is a
// preference: see preferences.h.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "placement/cost.h"
#include "placement/soft.h"

namespace exogpu::placement {

struct Constraint {
  std::string_view name;
  std::optional<Soft> soft{};  // absent: never given up
  // Why the device must not be in a plan; absent: the constraint is of pairs only.
  std::function<std::optional<std::string>(size_t device)> alone{};
  // Why it must not be in one plan with the other, or not next to it.
  std::function<std::optional<std::string>(size_t device, size_t other)> beside{};
  // What it says of a device that meets it.
  std::function<std::string(size_t device)> met{};

  bool holds(GivenUp given_up) const { return !soft || !given_up.has(*soft); }
};

// Of the model's question, in the order in which they are judged. Borrow the model. Constraints about which the
// question says nothing are among them: every device meets them.
std::vector<Constraint> constraints_of(const CostModel& model);

struct Breach {
  std::string_view constraint;
  std::string reason;
};
// The first constraint, of those that hold, which the device violates alone.
std::optional<Breach> breach_of(std::span<const Constraint> constraints, GivenUp given_up, size_t device);

// The name of the constraint that gives all layers to the devices which the user named.
inline constexpr std::string_view kByHand = "by hand";

}  // namespace exogpu::placement
