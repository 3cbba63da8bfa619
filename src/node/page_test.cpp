#include "node/page.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cluster/testing/made.h"

namespace exogpu::node {
namespace {

using namespace cluster::testing;

wire::ReplicatedState planned() {
  wire::ReplicatedState state;
  for (const uint8_t number : {1, 2}) add(state, wire::NodeTold{made_facts(number)});
  add(state, wire::ModelSet{made_model(4)});
  wire::PlanMade made;
  made.plan.epoch = wire::PlanEpoch(7);
  made.plan.model = "made";
  made.plan.stages = {{.device = {.node = made_id(1), .device = "gpu0"}, .layers = {0, 2}},
                      {.device = {.node = made_id(2), .device = "gpu0"}, .layers = {2, 4}}};
  made.stage_bytes = {10, 20};
  made.left_out = {{.device = {.node = made_id(2), .device = "cpu"}, .why = "speed", .reason = "slower with it"}};
  add(state, made);
  return state;
}

void told(wire::ReplicatedState& state, uint32_t stage, wire::StagePhase phase) {
  add(state, wire::StageTold{.epoch = wire::PlanEpoch(7), .stage = stage, .phase = phase, .failure = {}});
}

TEST(Page, SaysWhoDoesWhatAndHowFar) {
  wire::ReplicatedState state = planned();
  told(state, 0, wire::StagePhase::ready);
  told(state, 1, wire::StagePhase::loading);
  const StagesNow now{{1, {.epoch = wire::PlanEpoch(7), .stage = 1, .done = 5, .total = 20, .doing = "loading"}}};
  EXPECT_EQ(why_not_serving(state, now), "n2/gpu0 is loading its part of the model (25 %)");
  const auto page = nlohmann::json::parse(page_of(state, made_id(1), {}, now));
  EXPECT_EQ(page["serving"], false);
  EXPECT_EQ(page["reason"], "n2/gpu0 is loading its part of the model (25 %)");
  EXPECT_EQ(page["leader"], "n1");
  EXPECT_EQ(page["nodes"][0]["leader"], true);
  EXPECT_EQ(page["nodes"][1]["leader"], false);
  EXPECT_EQ(page["plan"]["stages"][0]["state"], "ready");
  EXPECT_EQ(page["plan"]["stages"][1]["doing"], "loading");
  EXPECT_EQ(page["plan"]["stages"][1]["done_bytes"], 5);
  EXPECT_EQ(page["plan"]["left_out"][0]["reason"], "slower with it");
}

TEST(Page, ShowsHowDevicesDo) {
  wire::ReplicatedState state = planned();
  add(state, wire::ConditionTold{
                 .node = made_id(1),
                 .condition = {.load_percent = 40,
                               .battery = wire::BatteryCondition{.charge_percent = 15, .feeds = true, .low = true},
                               .devices = {{.device = "gpu0",
                                            .load_percent = 90,
                                            .temperature_c = 81,
                                            .heat = wire::Heat::hot,
                                            .speed_percent = 70}},
                               .shards = {{.device = "gpu0", .model = "made", .content = "abc", .layers = {0, 2}}}}});
  const auto page = nlohmann::json::parse(page_of(state, made_id(1), {}, {}));
  const auto& node = page["nodes"][0];
  EXPECT_EQ(node["load_percent"], 40);
  EXPECT_EQ(node["battery"]["charge_percent"], 15);
  EXPECT_EQ(node["battery"]["low"], true);
  EXPECT_EQ(node["devices"][0]["heat"], "hot");
  EXPECT_EQ(node["devices"][0]["temperature_c"], 81);
  EXPECT_EQ(node["devices"][0]["speed_percent"], 70);
  EXPECT_EQ(node["shards"][0]["layer_end"], 2);
  EXPECT_TRUE(page["nodes"][1]["battery"].is_null());
  EXPECT_TRUE(page["nodes"][1]["devices"][0]["heat"].is_null());
}

TEST(Page, WhatWasSaidOfAnotherPlanDoesNotCount) {
  const wire::ReplicatedState state = planned();
  const StagesNow old{{0, {.epoch = wire::PlanEpoch(6), .stage = 0, .done = 5, .total = 20, .doing = "loading"}}};
  EXPECT_EQ(why_not_serving(state, old), "n1/gpu0 is waiting its part of the model");
  EXPECT_TRUE(nlohmann::json::parse(page_of(state, {}, "alone", old))["plan"]["stages"][0]["doing"].is_null());
}

TEST(Page, WhenAllIsReadyItServes) {
  wire::ReplicatedState state = planned();
  for (const uint32_t stage : {0U, 1U}) told(state, stage, wire::StagePhase::ready);
  EXPECT_EQ(why_not_serving(state, {}), "");
  const auto page = nlohmann::json::parse(page_of(state, made_id(2), {}, {}));
  EXPECT_EQ(page["serving"], true);
  EXPECT_TRUE(page["reason"].is_null());
}

TEST(Page, WhoIsAwayAndWhyNobodyLeadsIsSaid) {
  wire::ReplicatedState state = planned();
  add(state, wire::NodeLost{.node = made_id(2), .why = "silent for 800 ms"});
  add(state, wire::DrainingSet{.node = made_id(1), .draining = true});
  const auto page = nlohmann::json::parse(page_of(state, {}, "no other node has answered yet", {}));
  EXPECT_EQ(page["no_leader"], "no other node has answered yet");
  EXPECT_EQ(page["nodes"][0]["draining"], true);
  EXPECT_EQ(page["nodes"][1]["here"], false);
  EXPECT_EQ(page["nodes"][1]["why_away"], "silent for 800 ms");
}

}  // namespace
}  // namespace exogpu::node
