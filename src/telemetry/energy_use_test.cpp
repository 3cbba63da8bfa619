#include "telemetry/energy_use.h"

#include <gtest/gtest.h>

namespace exogpu::telemetry {
namespace {

TEST(EnergyUse, IsThatOfTheTimeInWhichItComputes) {
  EnergyUse use;
  EXPECT_FALSE(use.joules_per_token());
  use.update(100, 0.5, 0.5, 0);
  EXPECT_FALSE(use.joules_per_token()) << "no step has ended";
  for (int i = 0; i < 200; ++i) {
    use.update(20, 0.5, 0, 0);  // idle
    use.update(50, 0.5, 0.25, 5);
  }
  EXPECT_NEAR(use.joules_per_token().value(), 5, 0.2);
  for (int i = 0; i < 1200; ++i) use.update(100, 0.5, 0.5, 5);
  EXPECT_NEAR(use.joules_per_token().value(), 10, 0.01) << "of the last minutes";
}

TEST(EnergyUse, WithoutASensorOfThePowerIsNotKnown) {
  EnergyUse use;
  for (int i = 0; i < 20; ++i) use.update({}, 0.5, 0.5, 5);
  EXPECT_FALSE(use.joules_per_token());
}

}  // namespace
}  // namespace exogpu::telemetry
