#include "cluster/link_faults.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using namespace std::chrono_literals;
using testing::example_id;

TEST(LinkFaults, ALinkThatBreaksAgainIsAvoidedLongerEachTime) {
  LinkFaults faults;
  LinkFaults::Time now{};
  faults.on_broken(example_id(2), example_id(1), now);
  EXPECT_TRUE(faults.avoided(now).empty());
  for (const auto wait : {30s, 60s, 120s, 240s, 480s, 600s, 600s}) {
    now += 10s;
    faults.on_broken(example_id(1), example_id(2), now);
    EXPECT_EQ(faults.avoided(now + wait - 1ms), std::set{wire::pair_of(example_id(2), example_id(1))});
    EXPECT_TRUE(faults.avoided(now + wait).empty());
    now += wait;
  }
}

TEST(LinkFaults, ALongTimeWithoutAFaultMakesItGoodAgain) {
  LinkFaults faults;
  LinkFaults::Time now{};
  faults.on_broken(example_id(1), example_id(2), now);
  now += LinkFaults::kMemory + 1s;
  faults.on_broken(example_id(1), example_id(2), now);
  EXPECT_TRUE(faults.avoided(now).empty());
}

TEST(LinkFaults, ARestartedNodeHasNone) {
  LinkFaults faults;
  const LinkFaults::Time now{};
  for (const uint8_t other : {2, 3}) {
    for (int i = 0; i < 2; ++i) faults.on_broken(example_id(1), example_id(other), now);
  }
  EXPECT_EQ(faults.avoided(now).size(), 2U);
  faults.forget(example_id(3));
  EXPECT_EQ(faults.avoided(now), std::set{wire::pair_of(example_id(1), example_id(2))});
}

}  // namespace
}  // namespace exogpu::cluster
