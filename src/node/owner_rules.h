// What the owner of a machine allows plans, beside limits of heat and power: hours and an electric circuit.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "node/day_hours.h"
#include "wire/condition.h"

namespace exogpu::node {

// That devices of several machines share.
struct Circuit {
  std::string name;
  double most_w = 0;
  friend bool operator==(const Circuit&, const Circuit&) = default;
};

// "kitchen=2000". Errors: invalid_argument, with the form that is expected.
Result<Circuit> parse_circuit(std::string_view text);

struct OwnerOptions {
  std::optional<DayHours> shared_hours{};  // in which plans may use the devices; absent: always
  std::optional<Circuit> circuit{};
};

// As the cluster's state has it at this hour of the day, 0 to 23.
wire::OwnerRules rules_at(const OwnerOptions& options, uint32_t hour);

}  // namespace exogpu::node
