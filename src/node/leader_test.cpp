#include "node/leader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "placement/testing/made.h"

namespace exogpu::node {
namespace {

using namespace std::chrono_literals;
using placement::testing::made_device;
using placement::testing::made_node;
using placement::testing::MB;

constexpr uint32_t kLayers = 8;  // of 100 MB
constexpr Bytes kWhole = 1000 * MB, kHalf = 500 * MB;

// Node `number` is called "n" and its number.
wire::NodeInfo info(uint8_t number, Bytes memory, double bytes_per_s = 1e11) {
  wire::NodeInfo made;
  made.self = {.node = made_node(number), .name = "n", .addresses = {}, .api_url = ""};
  made.self.name += std::to_string(number);
  made.devices = {made_device(number, memory, bytes_per_s)};
  return made;
}

// Node 1 leads.
class LeaderTest : public ::testing::Test {
 protected:
  static LeaderOptions options(std::string layers = {}) {
    LeaderOptions made;
    made.model = "made";
    made.content = "abc";
    made.shape = placement::testing::made_shape(kLayers);
    made.layers = std::move(layers);
    made.first_epoch = 100;
    return made;
  }
  std::optional<wire::StagePlan> plan(Leader& leader, bool idle = true) { return leader.plan(idle, now); }
  void all_ready(Leader& leader) {
    const wire::StagePlan running = leader.current().value();
    for (uint32_t i = 0; i < running.stages.size(); ++i) {
      EXPECT_FALSE(leader.serving());
      leader.stage_changed(running.stages[i].device.node,
                           {.epoch = running.epoch, .stage = i, .phase = wire::StagePhase::ready});
    }
    EXPECT_TRUE(leader.serving());
  }
  static std::vector<wire::NodeId> nodes_of(const std::optional<wire::StagePlan>& plan) {
    std::vector<wire::NodeId> nodes;
    if (plan) {
      for (const wire::PlannedStage& stage : plan->stages) nodes.push_back(stage.device.node);
    }
    std::ranges::sort(nodes);
    return nodes;
  }
  static std::vector<wire::NodeId> nodes(std::initializer_list<uint8_t> numbers) {
    std::vector<wire::NodeId> made;
    for (const uint8_t number : numbers) made.push_back(made_node(number));
    return made;
  }
  void link_breaks(Leader& leader) {
    const wire::StagePlan running = leader.current().value();
    ASSERT_EQ(running.stages.size(), 2U);
    leader.broken(running.epoch, {ErrorCode::unavailable, "the cable was pulled"},
                  LinkFaults::pair(running.stages[0].device.node, running.stages[1].device.node), now);
  }
  static nlohmann::json page(const Leader& leader) { return nlohmann::json::parse(leader.describe().page); }

  Leader::Time now{};
};

TEST_F(LeaderTest, ServesWhenAllStagesAreReady) {
  Leader leader(made_node(1), options());
  EXPECT_FALSE(plan(leader));
  leader.joined(info(1, kHalf));
  EXPECT_FALSE(plan(leader));
  EXPECT_TRUE(leader.describe().why_not.contains("bytes are missing")) << leader.describe().why_not;
  leader.joined(info(2, kHalf));
  const auto made = plan(leader);
  EXPECT_EQ(nodes_of(made), nodes({1, 2}));
  EXPECT_EQ(made->epoch, wire::PlanEpoch(100));
  EXPECT_EQ(made->content, "abc");
  EXPECT_EQ(made->stages.back().layers.end, kLayers);
  EXPECT_FALSE(plan(leader)) << "it is the same plan";
  EXPECT_TRUE(leader.describe().why_not.contains("is waiting its part")) << leader.describe().why_not;
  all_ready(leader);
  const wire::ClusterState state = leader.describe();
  EXPECT_TRUE(state.serving && state.why_not.empty());
  EXPECT_EQ(state.members.size(), 2U);
  EXPECT_EQ(page(leader)["plan"]["stages"].size(), 2U);
}

TEST_F(LeaderTest, WhatOthersDoNotGetWithoutTheModelsId) {
  LeaderOptions unread = options();
  unread.content.clear();
  Leader leader(made_node(1), unread);
  leader.joined(info(1, kHalf));
  leader.joined(info(2, kHalf));
  EXPECT_FALSE(plan(leader));
  EXPECT_TRUE(leader.describe().why_not.contains("is being read"));
  leader.set_content("def");
  EXPECT_EQ(plan(leader).value().content, "def");
  // For itself alone it needs none.
  Leader alone(made_node(1), unread);
  alone.joined(info(1, kWhole));
  EXPECT_EQ(nodes_of(plan(alone)), nodes({1}));
}

TEST_F(LeaderTest, ANodeThatLeavesTakesThePlanWithItAndMayComeBack) {
  Leader leader(made_node(1), options());
  leader.joined(info(1, kHalf));
  leader.joined(info(2, kHalf));
  leader.joined(info(3, 10 * MB));
  ASSERT_TRUE(plan(leader));
  all_ready(leader);
  leader.left(made_node(3));  // has no part in it
  EXPECT_TRUE(leader.serving());
  leader.left(made_node(2));
  EXPECT_FALSE(leader.serving());
  EXPECT_FALSE(plan(leader));
  EXPECT_TRUE(leader.describe().why_not.starts_with("node n2 is away; ")) << leader.describe().why_not;
  leader.joined(info(2, kHalf));
  EXPECT_EQ(plan(leader).value().epoch, wire::PlanEpoch(101));
}

TEST_F(LeaderTest, ADeviceThatFailedIsLeftOutUntilItsNodeIsStartedAnew) {
  Leader leader(made_node(1), options());
  for (const uint8_t number : {1, 2, 3}) leader.joined(info(number, kHalf, number == 2 ? 2e11 : 1e11));
  const auto first = plan(leader).value();
  ASSERT_TRUE(std::ranges::contains(nodes_of(first), made_node(2)));
  const auto stage = static_cast<uint32_t>(first.stages[0].device.node == made_node(2) ? 0 : 1);
  const wire::StageState failed{.epoch = first.epoch,
                                .stage = stage,
                                .phase = wire::StagePhase::failed,
                                .failure = Error{ErrorCode::out_of_memory, "no room"}};
  leader.stage_changed(made_node(3), failed);  // not its stage
  leader.stage_changed(made_node(2), {.epoch = wire::PlanEpoch(99), .stage = stage, .phase = failed.phase});
  EXPECT_TRUE(leader.current());
  leader.stage_changed(made_node(2), failed);
  EXPECT_EQ(nodes_of(plan(leader)), nodes({1, 3}));
  const auto left_out = page(leader)["plan"]["left_out"];
  ASSERT_EQ(left_out.size(), 1U);
  EXPECT_EQ(left_out[0]["node"], "n2");
  EXPECT_EQ(left_out[0]["why"], "failed");
  EXPECT_EQ(left_out[0]["reason"], "no room");
  leader.joined(info(2, kHalf, 2e11));  // tells of its links
  leader.left(made_node(3));
  EXPECT_FALSE(plan(leader));
  leader.left(made_node(2));
  leader.joined(info(2, kHalf, 2e11));
  EXPECT_EQ(nodes_of(plan(leader)), nodes({1, 2}));
}

TEST_F(LeaderTest, LayersByHandThatDidNotFitAreNotTriedAgainByThemselves) {
  Leader leader(made_node(1), options("n1/gpu0:0-3,n2/gpu0:4-7"));
  for (const uint8_t number : {1, 2}) leader.joined(info(number, kHalf));
  const auto first = plan(leader).value();
  leader.stage_changed(made_node(2), {.epoch = first.epoch,
                                      .stage = 1,
                                      .phase = wire::StagePhase::failed,
                                      .failure = Error{ErrorCode::out_of_memory, "no room"}});
  EXPECT_FALSE(plan(leader));
  const std::string why = leader.describe().why_not;
  EXPECT_TRUE(why.starts_with("n2/gpu0: no room; ")) << why;
  EXPECT_TRUE(why.contains("when node n2 is started anew")) << why;
  leader.left(made_node(2));
  leader.joined(info(2, kHalf));
  EXPECT_TRUE(plan(leader));
}

TEST_F(LeaderTest, AModelThatServesIsMovedForATenthWhenNobodyIsServed) {
  Leader leader(made_node(1), options());
  leader.joined(info(1, kWhole, 1e11));
  ASSERT_TRUE(plan(leader));
  leader.joined(info(2, kWhole, 2e11));
  EXPECT_FALSE(plan(leader)) << "it is still being loaded";
  all_ready(leader);
  EXPECT_FALSE(plan(leader, false)) << "somebody is being answered";
  EXPECT_EQ(nodes_of(plan(leader)), nodes({2}));
  all_ready(leader);
  leader.joined(info(3, kWhole, 2.1e11));
  EXPECT_FALSE(plan(leader)) << "for a twentieth";
}

TEST_F(LeaderTest, TheSameQuestionIsAskedOnce) {
  Leader leader(made_node(1), options());
  leader.joined(info(1, kHalf));
  leader.joined(info(2, kHalf));
  ASSERT_TRUE(plan(leader));
  all_ready(leader);
  for (int i = 0; i < 10; ++i) {
    now += 500ms;
    EXPECT_FALSE(plan(leader));
    leader.joined(info(2, kHalf));
  }
  EXPECT_EQ(leader.placements(), 1U);
  wire::NodeInfo measured = info(2, kHalf);
  measured.links = {{.from = made_node(2), .to = made_node(1), .delay_s = 0.1, .bytes_per_s = 1e6}};
  leader.joined(measured);
  EXPECT_FALSE(plan(leader));
  EXPECT_EQ(leader.placements(), 2U);
}

// 100 kB/s is too slow for a prompt of this width; the devices are as fast as each other.
TEST_F(LeaderTest, MeasuredLinksDecide) {
  LeaderOptions prompts = options();
  prompts.wishes.objective = placement::Objective::first_token;
  Leader leader(made_node(1), prompts);
  leader.joined(info(1, kHalf));
  for (const uint8_t number : {2, 3}) {
    wire::NodeInfo other = info(number, kHalf);
    const double rate = number == 2 ? 1e5 : 1e9;
    other.links = {{.from = made_node(number), .to = made_node(1), .delay_s = 1e-4, .bytes_per_s = rate}};
    leader.joined(other);
  }
  wire::NodeInfo self = info(1, kHalf);
  self.links = {{.from = made_node(1), .to = made_node(2), .delay_s = 1e-4, .bytes_per_s = 1e5},
                {.from = made_node(1), .to = made_node(3), .delay_s = 1e-4, .bytes_per_s = 1e9}};
  leader.joined(self);
  EXPECT_FALSE(std::ranges::equal(nodes_of(plan(leader)), nodes({1, 2})));
  const auto links = page(leader)["nodes"][0]["links"];
  EXPECT_EQ(links[0]["bytes_per_s"], 1e5);
  EXPECT_EQ(links[1]["bytes_per_s"], 1e9);
}

TEST_F(LeaderTest, ALinkThatBreaksAgainAndAgainIsLeftOutForAWhile) {
  Leader leader(made_node(1), options());
  for (const uint8_t number : {1, 2, 3}) leader.joined(info(number, kHalf, number == 3 ? 0.99e11 : 1e11));
  ASSERT_EQ(nodes_of(plan(leader)), nodes({1, 2}));
  link_breaks(leader);
  EXPECT_EQ(nodes_of(plan(leader)), nodes({1, 2})) << "once is chance";
  now += 1s;
  link_breaks(leader);
  const auto around = plan(leader);
  EXPECT_NE(nodes_of(around), nodes({1, 2}));
  EXPECT_EQ(nodes_of(around).size(), 2U);
  const auto left_out = page(leader)["plan"]["left_out"];
  ASSERT_EQ(left_out.size(), 1U);
  EXPECT_FALSE(left_out[0]["reason"].get<std::string>().empty());
  // Of an old plan.
  leader.broken(wire::PlanEpoch(100), {}, {}, now);
  EXPECT_TRUE(leader.current());
  all_ready(leader);
  now += LinkFaults::kFirst;
  EXPECT_FALSE(plan(leader)) << "one hundredth is no reason to move";
}

TEST_F(LeaderTest, WhereThereIsNoWayAroundABadLinkTheReasonIsTold) {
  Leader leader(made_node(1), options("n1/gpu0:0-3,n2/gpu0:4-7"));
  leader.joined(info(1, kHalf));
  EXPECT_FALSE(plan(leader));
  EXPECT_TRUE(leader.describe().why_not.contains("there is no device \"n2/gpu0\"")) << leader.describe().why_not;
  leader.joined(info(2, kHalf));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(plan(leader));
    link_breaks(leader);
  }
  EXPECT_FALSE(plan(leader));
  const std::string why = leader.describe().why_not;
  EXPECT_TRUE(why.contains("the cable was pulled")) << why;
  EXPECT_TRUE(why.contains("the link between n1 and n2 is left out for a while")) << why;
  now += LinkFaults::kFirst;
  EXPECT_TRUE(plan(leader));
}

TEST_F(LeaderTest, TwoNodesOfOneNameAreToldApart) {
  Leader leader(made_node(1), options());
  leader.joined(info(1, kHalf));
  for (const uint8_t number : {2, 3}) {
    wire::NodeInfo same = info(number, kHalf);
    same.self.name = "n1";
    leader.joined(same);
  }
  EXPECT_EQ(leader.name_of(made_node(1)), "n1");
  EXPECT_EQ(leader.name_of(made_node(2)), "n1-02000000");
  EXPECT_EQ(leader.name_of(made_node(3)), "n1-03000000");
  LeaderOptions by_hand = options("n1/gpu0:0-3,n1-03000000/gpu0:4-7");
  Leader hand(made_node(1), by_hand);
  for (const uint8_t number : {1, 2, 3}) {
    wire::NodeInfo same = info(number, kHalf);
    same.self.name = "n1";
    hand.joined(same);
  }
  EXPECT_EQ(nodes_of(plan(hand)), nodes({1, 3}));
  EXPECT_EQ(page(hand)["plan"]["stages"][1]["node"], "n1-03000000");
  leader.left(made_node(3));
  leader.left(made_node(1));
  EXPECT_EQ(leader.name_of(made_node(2)), "n1");
}

TEST_F(LeaderTest, KnowsWhetherSomebodyIsAnswered) {
  Leader leader(made_node(1), options());
  leader.joined(info(1, kWhole));
  const auto made = plan(leader).value();
  EXPECT_FALSE(leader.busy());
  leader.stage_changed(made_node(1), {.epoch = made.epoch, .stage = 0, .phase = wire::StagePhase::ready, .busy = true});
  EXPECT_TRUE(leader.busy());
}

}  // namespace
}  // namespace exogpu::node
