#include "node/condition.h"

#include <gtest/gtest.h>

#include <deque>

namespace exogpu::node {
namespace {

TEST(ConditionTest, OneReadingAtATimeBesideTheNodesThread) {
  std::deque<std::move_only_function<void()>> background, posted;
  int readings = 0, reports = 0;
  Condition condition({.in_background = [&](auto task) { background.push_back(std::move(task)); },
                       .post = [&](auto task) { posted.push_back(std::move(task)); },
                       .read_sensors =
                           [&] {
                             ++readings;
                             return cluster::SensorReadings{
                                 .load = {}, .charge = 0.1, .on_battery = true, .devices = {}};
                           },
                       .on_reading = [&] { ++reports; }});
  condition.read();
  condition.read();
  ASSERT_EQ(background.size(), 1U);
  EXPECT_EQ(readings, 0);  // not on this thread
  background.front()();
  EXPECT_EQ(readings, 1);
  EXPECT_EQ(reports, 0);
  EXPECT_FALSE(condition.current({}).battery);
  ASSERT_EQ(posted.size(), 1U);
  posted.front()();
  EXPECT_EQ(reports, 1);
  ASSERT_TRUE(condition.current({}).battery);
  EXPECT_TRUE(condition.current({}).battery->low);
  condition.read();
  EXPECT_EQ(background.size(), 2U);
}

TEST(ConditionTest, HasTheShardsThatAreLoadedNow) {
  Condition condition({.in_background = {}, .post = {}, .read_sensors = {}, .on_reading = {}});
  cluster::LocalPlan local;
  local.plan.emplace();
  local.plan->model = "made";
  local.plan->stages = {{.device = {.node = {}, .device = "cpu"}, .layers = {0, 2}}};
  local.stages[0].progress = cluster::StageReadiness::fetched;
  EXPECT_TRUE(condition.current({&local}).shards.empty());
  local.stages[0].progress = cluster::StageReadiness::loaded;
  ASSERT_EQ(condition.current({&local}).shards.size(), 1U);
  EXPECT_EQ(condition.current({&local}).shards[0].device, "cpu");
}

}  // namespace
}  // namespace exogpu::node
