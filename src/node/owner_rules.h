// What the owner of a machine allows plans, beside limits of heat and power: hours and an electric circuit.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
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

// As the cluster's state has it at this hour of the day, 0 to 23.
wire::OwnerRules rules_at(const wire::OwnerLimits& limits, const std::optional<Circuit>& circuit, uint32_t hour);

}  // namespace exogpu::node
