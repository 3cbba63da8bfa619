#include "api/cluster_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace exogpu::api {
namespace {

using nlohmann::json;

json parsed(const node::ClusterSnapshot& cluster) { return json::parse(cluster_json(cluster)); }

TEST(ClusterJson, AnEmptySnapshotHasReasons) {
  const json status = parsed({.leader = {}, .no_leader_reason = "no other node has replied yet"});
  EXPECT_EQ(status["serving"], false);
  EXPECT_EQ(status["not_serving_reason"], "no model is to be served");
  EXPECT_EQ(status["no_leader_reason"], "no other node has replied yet");
  for (const char* key : {"model", "content", "leader", "plan", "live", "model_file_error"}) {
    EXPECT_TRUE(status.at(key).is_null()) << key;
  }
  EXPECT_EQ(status["nodes"], json::array());
  EXPECT_EQ(status["models"], json::array());
  EXPECT_EQ(status["identity_conflicts"], json::array());
}

TEST(ClusterJson, NodesAreDescribedWithoutEmptyTexts) {
  node::NodeSnapshot online{.id = {}, .name = "desk", .leader = true, .online = true, .version = "0.1.0"};
  online.devices = {{.id = "vulkan0",
                     .name = "GPU",
                     .memory_free = 7,
                     .heat = wire::Heat::hot,
                     .action = wire::HeatAction::paced,
                     .pace_percent = 60,
                     .action_reason = "it is to stay below 94 °C",
                     .others_percent = 30,
                     .profile_mismatch = "measured at 0.6 of its profile's rate"}};
  online.links = {{.to = {}, .delay_s = 0.5}};
  online.shards = {{.device = "vulkan0", .model = "m", .content = "c", .layers = {2, 5}}};
  online.battery = node::BatterySnapshot{.charge_percent = 15, .discharging = true, .low = true};
  online.on_battery = true;
  online.reserved = "its owner shares it at night";
  online.memory = {.pressure = wire::MemoryPressure::layers, .bytes_max = 9};
  const node::NodeSnapshot offline{.id = {}, .name = "lamp", .offline_reason = "silent for 800 ms"};
  const json status =
      parsed({.models = {{.name = "m", .serving = true}}, .leader = "desk", .nodes = {online, offline}});
  EXPECT_TRUE(status["not_serving_reason"].is_null());
  EXPECT_TRUE(status["no_leader_reason"].is_null());
  const json& desk = status["nodes"][0];
  EXPECT_EQ(desk["online"], true);
  EXPECT_TRUE(desk["offline_reason"].is_null());
  EXPECT_EQ(desk["on_battery"], true);
  EXPECT_EQ(desk["battery"], json::parse(R"({"charge_percent":15,"discharging":true,"low":true,"given_up":false})"));
  EXPECT_EQ(desk["reserved"], "its owner shares it at night");
  EXPECT_EQ(desk["memory_pressure"], "layers");
  EXPECT_EQ(desk["memory_max_bytes"], 9);
  EXPECT_TRUE(desk["api_url"].is_null());
  EXPECT_EQ(desk["devices"][0]["heat"], "hot");
  EXPECT_EQ(desk["devices"][0]["heat_action"], "paced");
  EXPECT_EQ(desk["devices"][0]["pace_percent"], 60);
  EXPECT_EQ(desk["devices"][0]["heat_action_reason"], "it is to stay below 94 °C");
  EXPECT_EQ(desk["devices"][0]["others_percent"], 30);
  EXPECT_EQ(desk["devices"][0]["profile_mismatch"], "measured at 0.6 of its profile's rate");
  EXPECT_TRUE(desk["devices"][0]["failure"].is_null());
  EXPECT_TRUE(desk["devices"][0]["load_percent"].is_null());
  EXPECT_EQ(desk["links"][0]["delay_s"], 0.5);
  EXPECT_TRUE(desk["links"][0]["bytes_per_s"].is_null());
  EXPECT_EQ(desk["links"][0]["avoided"], false);
  EXPECT_EQ(desk["shards"][0]["layer_end"], 5);
  const json& lamp = status["nodes"][1];
  EXPECT_EQ(lamp["online"], false);
  EXPECT_EQ(lamp["memory_pressure"], "none");
  EXPECT_TRUE(lamp["memory_max_bytes"].is_null());
  EXPECT_EQ(lamp["offline_reason"], "silent for 800 ms");
}

TEST(ClusterJson, TheLibraryHasPredictionsAndPullsTheirProgress) {
  node::LibraryEntrySnapshot fits, too_large, unknown;
  fits.predicted = node::PredictedRun{.speed = {.tokens_per_s_alone = 12.5}, .devices = {"desk/cpu"}};
  too_large.predicted = node::PredictedRun{.reason = "9 bytes are missing"};
  node::ClusterSnapshot cluster;
  cluster.library = {fits, too_large, unknown};
  cluster.pulls = {{.source = "org/repo", .node = "desk", .file = 1, .files = 2, .done = 5, .total = 20}};
  const json status = parsed(cluster);
  EXPECT_EQ(status["library"][0]["predicted"]["tokens_per_s_alone"], 12.5);
  EXPECT_EQ(status["library"][0]["predicted"]["devices"], json::array({"desk/cpu"}));
  EXPECT_EQ(status["library"][1]["predicted"], json({{"reason", "9 bytes are missing"}}));
  EXPECT_TRUE(status["library"][2]["predicted"].is_null());
  EXPECT_EQ(status["pulls"][0], json::parse(R"({"source":"org/repo","node":"desk","file":1,"files":2,"done_bytes":5,
                                               "total_bytes":20})"));
}

TEST(ClusterJson, PlanStagesAndLiveRates) {
  node::PlanSnapshot plan{.epoch = wire::PlanEpoch(7), .context = 512, .parallel = 3};
  plan.stages = {{.node = "desk", .device = "cpu", .layers = {0, 2}, .memory = 9, .status = wire::StagePhase::loading}};
  plan.stages[0].activity = {.text = "loading", .done = 5, .total = 20};
  plan.predicted.tokens_per_s_parallel = 30;
  plan.unused_devices = {{.node = "lamp", .device = "cpu", .constraint = "speed", .reason = "slower with it"}};
  const node::ModelSnapshot model{
      .name = "m",
      .content = "c",
      .pinned = true,
      .serving = false,
      .not_serving_reason = "desk/cpu is loading its part of the model",
      .plan = plan,
      .live = node::LiveRates{.requests = 2, .waiting_requests = 1, .stage_step_s = {0.25}}};
  const json status = parsed({.models = {model, {.name = "other", .content = "d"}},
                              .weights = {.sent = 1, .received = 2},
                              .model_file_error = "m.gguf: has changed"});
  EXPECT_EQ(status["model"], "m");
  EXPECT_EQ(status["content"], "c");
  EXPECT_EQ(status["serving"], false);
  EXPECT_EQ(status["not_serving_reason"], model.not_serving_reason);
  EXPECT_EQ(status["models"][0]["pinned"], true);
  EXPECT_EQ(status["models"][0]["plan"], status["plan"]);
  EXPECT_EQ(status["models"][0]["live"], status["live"]);
  EXPECT_EQ(status["models"][1]["model"], "other");
  EXPECT_TRUE(status["models"][1]["plan"].is_null());
  const json& stage = status["plan"]["stages"][0];
  EXPECT_EQ(stage["status"], "loading");
  EXPECT_EQ(stage["activity"], "loading");
  EXPECT_EQ(stage["done_bytes"], 5);
  EXPECT_EQ(status["plan"]["parallel"], 3);
  EXPECT_EQ(status["plan"]["predicted"]["tokens_per_s_parallel"], 30);
  EXPECT_EQ(status["plan"]["unused_devices"][0]["constraint"], "speed");
  EXPECT_EQ(status["live"]["waiting_requests"], 1);
  EXPECT_EQ(status["live"]["stage_step_s"], json::parse("[0.25]"));
  EXPECT_EQ(status["weights"], json::parse(R"({"sent_bytes":1,"received_bytes":2})"));
  EXPECT_EQ(status["model_file_error"], "m.gguf: has changed");
}

TEST(ClusterJson, AnIdentityConflictHasItsTime) {
  const std::chrono::system_clock::time_point at(std::chrono::milliseconds(2'900));
  const json status = parsed({.identity_conflicts = {{.node = "desk", .source = "10.0.0.2:5000", .refused_at = at}}});
  EXPECT_EQ(status["identity_conflicts"],
            json::parse(R"([{"node":"desk","source":"10.0.0.2:5000","refused_at_unix_s":2}])"));
}

TEST(ClusterJson, TextThatIsNotUtf8IsReplaced) {
  EXPECT_EQ(parsed({.model_file_error = "bad \xff name"})["model_file_error"], "bad \xEF\xBF\xBD name");
}

}  // namespace
}  // namespace exogpu::api
