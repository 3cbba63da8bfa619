#include "node/owner_rules.h"

#include <charconv>
#include <cmath>
#include <format>

#include "node/day_hours.h"

namespace exogpu::node {
namespace {

constexpr double kWattsMax = 1e6;
constexpr size_t kNameMax = 60;

}  // namespace

Result<Circuit> parse_circuit(std::string_view text) {
  const size_t equals = text.find('=');
  Circuit circuit{.name = std::string(text.substr(0, equals))};
  if (equals != std::string_view::npos && !circuit.name.empty() && circuit.name.size() <= kNameMax) {
    const std::string_view watts = text.substr(equals + 1);
    const auto [end, failure] = std::from_chars(watts.data(), watts.data() + watts.size(), circuit.most_w);
    const bool whole = failure == std::errc() && end == watts.data() + watts.size();
    if (whole && circuit.most_w >= 1 && circuit.most_w <= kWattsMax) return circuit;
  }
  return fail(ErrorCode::invalid_argument,
              "\"{}\" is no circuit: give a name and the watts that its devices may draw together, as kitchen=2000",
              text);
}

wire::OwnerRules rules_at(const wire::OwnerLimits& limits, const std::optional<Circuit>& circuit, uint32_t hour) {
  wire::OwnerRules rules;
  if (limits.shared_hours && !contains(*limits.shared_hours, hour)) {
    rules.reserved = std::format("its owner shares it from {} to {} o'clock only (--shared-hours)",
                                 limits.shared_hours->from, limits.shared_hours->to);
  }
  if (circuit) {
    rules.circuit = circuit->name;
    rules.circuit_w = circuit->most_w;
  }
  return rules;
}

}  // namespace exogpu::node
