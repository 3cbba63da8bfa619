#include "engine/exchange_cost.h"

#include <gtest/gtest.h>

#include "engine/testing/tiny.h"

namespace exogpu::engine {
namespace {

TEST(MeasureExchange, GivesATimeAndARateOfAnyNumberOfMembers) {
  for (const size_t members : {2, 3}) {
    const std::vector<const gpu::Device*> devices(members, &testing::cpu());
    const auto cost = measure_exchange(devices);
    ASSERT_TRUE(cost) << cost.error().message;
    EXPECT_GT(cost->few_s, 0);
    EXPECT_LT(cost->few_s, 1);
    EXPECT_GT(cost->bytes_per_s, 1e6);
  }
}

}  // namespace
}  // namespace exogpu::engine
