#include "node/owner_rules.h"

#include <gtest/gtest.h>

namespace exogpu::node {
namespace {

TEST(OwnerRules, ACircuitHasANameAndWatts) {
  EXPECT_EQ(parse_circuit("kitchen=2000").value(), (Circuit{.name = "kitchen", .most_w = 2000}));
  EXPECT_EQ(parse_circuit("ups 2=750.5").value(), (Circuit{.name = "ups 2", .most_w = 750.5}));
  for (const char* text : {"", "kitchen", "=5", "kitchen=", "kitchen=x", "kitchen=0", "kitchen=-5", "kitchen=5W",
                           "kitchen=1e9", "kitchen=nan", "a=b=5"}) {
    const auto circuit = parse_circuit(text);
    ASSERT_FALSE(circuit) << text;
    EXPECT_TRUE(circuit.error().message.contains("as kitchen=2000")) << circuit.error().message;
  }
}

TEST(OwnerRules, OutsideOfItsHoursAMachineIsReserved) {
  const wire::OwnerLimits limits{.shared_hours = wire::DayHours{.from = 18, .to = 23}};
  EXPECT_EQ(rules_at(limits, {}, 17).reserved, "its owner shares it from 18 to 23 o'clock only (--shared-hours)");
  EXPECT_EQ(rules_at(limits, {}, 18), wire::OwnerRules());
  EXPECT_EQ(rules_at({}, {}, 3), wire::OwnerRules());
  const wire::OwnerRules of_circuit = rules_at({}, Circuit{.name = "kitchen", .most_w = 2000}, 3);
  EXPECT_EQ(of_circuit, (wire::OwnerRules{.circuit = "kitchen", .circuit_w = 2000}));
}

}  // namespace
}  // namespace exogpu::node
