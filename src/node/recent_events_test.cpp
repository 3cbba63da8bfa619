#include "node/recent_events.h"

#include <gtest/gtest.h>

namespace exogpu::node {
namespace {

TEST(RecentEvents, HasTheLastOnesInTheirOrder) {
  RecentEvents events;
  EXPECT_TRUE(events.after(0).empty());
  for (size_t i = 1; i <= RecentEvents::kEventsMax + 2; ++i) events.add(log::Level::info, std::to_string(i), 1000 + i);
  const auto all = events.after(0);
  ASSERT_EQ(all.size(), RecentEvents::kEventsMax);
  EXPECT_EQ(all.front(), (RecentEvent{.number = 3, .unix_ms = 1003, .level = log::Level::info, .text = "3"}));
  const auto newest = events.after(RecentEvents::kEventsMax + 1);
  ASSERT_EQ(newest.size(), 1U);
  EXPECT_EQ(newest[0].text, std::to_string(RecentEvents::kEventsMax + 2));
}

}  // namespace
}  // namespace exogpu::node
