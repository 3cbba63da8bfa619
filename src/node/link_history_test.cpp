#include "node/link_history.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"

namespace exogpu::node {
namespace {

using cluster::testing::example_id;
using namespace std::chrono_literals;

class LinkHistoryTest : public ::testing::Test {
 protected:
  LinkHistoryTest() {
    for (const uint8_t number : {1, 2}) {
      cluster_.nodes.push_back({.id = example_id(number), .name = number == 1 ? "b" : "a", .online = true});
    }
    cluster_.nodes[0].links.push_back({.to = example_id(2), .delay_s = 0.5});
  }
  void observe(double delay_s) {
    cluster_.nodes[0].links[0].delay_s = delay_s;
    history_.observe(cluster_, now_);
  }

  std::chrono::steady_clock::time_point now_{1h};
  ClusterSnapshot cluster_;
  LinkHistory history_;
};

using Past = std::vector<std::optional<float>>;

TEST_F(LinkHistoryTest, HasOneValueForEachStep) {
  EXPECT_TRUE(history_.past(cluster_, 10).empty());
  observe(0.5);
  now_ += 9s;
  observe(0.75);
  now_ += 1s;
  observe(0.25);
  const auto past = history_.past(cluster_, 10);
  ASSERT_EQ(past.size(), 1U);
  EXPECT_EQ(past[0].from, "b");
  EXPECT_EQ(past[0].to, "a");
  EXPECT_EQ(past[0].delay_s, (Past{0.5F, 0.25F})) << "of the time since the node's start";
  EXPECT_EQ(past[0].bytes_per_s, (Past{std::nullopt, std::nullopt}));
  EXPECT_EQ(history_.past(cluster_, 1)[0].delay_s, Past{0.25F});
}

TEST_F(LinkHistoryTest, WhileANodeIsAwayItsLinksHaveNoValues) {
  observe(0.5);
  cluster_.nodes[0].online = false;
  now_ += 20s;
  observe(0.5);
  cluster_.nodes[0].online = true;
  now_ += 10s;
  observe(0.25);
  EXPECT_EQ(history_.past(cluster_, 10)[0].delay_s, (Past{0.5F, std::nullopt, std::nullopt, 0.25F}));
  cluster_.nodes.erase(cluster_.nodes.begin() + 1);
  EXPECT_TRUE(history_.past(cluster_, 10).empty()) << "a node that is gone has no name";
}

TEST_F(LinkHistoryTest, KeepsADayAndNoMore) {
  for (size_t step = 0; step < LinkHistory::kValuesMax + 5; ++step, now_ += LinkHistory::kStep) {
    observe(static_cast<double>(step));
  }
  const Past delays = history_.past(cluster_, LinkHistory::kValuesMax + 5)[0].delay_s;
  ASSERT_EQ(delays.size(), LinkHistory::kValuesMax);
  for (size_t i = 0; i < delays.size(); ++i) ASSERT_EQ(delays[i], static_cast<float>(i + 5)) << i;
  cluster_.nodes[0].links.clear();
  now_ += 2 * LinkHistory::kValuesMax * LinkHistory::kStep;
  history_.observe(cluster_, now_);
  EXPECT_TRUE(history_.past(cluster_, 10).empty()) << "it was not seen for a day";
}

TEST_F(LinkHistoryTest, ManyLinksDoNotMakeItGrow) {
  for (uint8_t number = 3; number < 60; ++number) {
    cluster_.nodes.push_back({.id = example_id(number), .name = std::to_string(number), .online = true});
    for (uint8_t to = 1; to < 20; ++to) cluster_.nodes.back().links.push_back({.to = example_id(to)});
  }
  observe(0.5);
  EXPECT_EQ(history_.past(cluster_, 1).size(), LinkHistory::kLinksMax);
}

}  // namespace
}  // namespace exogpu::node
