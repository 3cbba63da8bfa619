#include <gtest/gtest.h>

#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

TEST_F(Api, ModelsAreListedWithTheirState) {
  const json all = Client(port()).get("/v1/models").json();
  ASSERT_EQ(all["data"].size(), 3U);
  EXPECT_EQ(all["data"][0]["status"], json({{"value", "loaded"}}));
  EXPECT_EQ(all["data"][2]["id"], "unloaded");
  EXPECT_EQ(all["data"][2]["status"], json({{"value", "unloaded"}, {"failed", true}, {"reason", "it was too large"}}));
}

TEST_F(Api, AModelIsLoadedWithSettings) {
  const json asked = {
      {"model", "unloaded"}, {"pinned", true}, {"context", 512}, {"parallel", 2}, {"keep_loaded_s", 60}};
  for (const char* path : {"/v1/models/load", "/models/load"}) {
    const Response response = post(path, asked);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.json(), json({{"success", true}}));
    EXPECT_EQ(service_.last_load(),
              (wire::LoadModel{.model = "unloaded",
                               .settings = {.pinned = true, .context = 512, .sequences = 2, .keep_loaded_s = 60}}));
  }
  const json by_hand = {
      {"model", "unloaded"}, {"layers", "test/cpu:0-3"}, {"without", {"test/gpu0"}}, {"objective", "first-token"}};
  EXPECT_EQ(post("/v1/models/load", by_hand).status, 200);
  EXPECT_EQ(service_.last_load().settings.layers, "test/cpu:0-3");
  EXPECT_EQ(service_.last_load().settings.without, std::vector<std::string>{"test/gpu0"});
  EXPECT_EQ(service_.last_load().settings.objective, wire::Objective::first_token);
  expect_error(post("/v1/models/load", {{"model", "words"}, {"without", "x"}}), 400, "invalid_value", "without");
  expect_error(post("/v1/models/load", {{"model", "words"}, {"objective", "x"}}), 400, "invalid_value", "objective");
  EXPECT_EQ(post("/v1/models/load", {{"model", "unloaded"}}).status, 200);
  EXPECT_EQ(service_.last_load().settings, wire::LoadSettings{});
  expect_error(post("/v1/models/load", {{"model", "none"}}), 404, "model_not_found", "words");
  expect_error(post("/v1/models/load", json::object()), 400, "missing_required_parameter", "name a model");
  expect_error(post("/v1/models/load", {{"model", "words"}, {"context", 0}}), 400, "invalid_value", "context");
}

TEST_F(Api, OllamaShowsWhatIsNotLoaded) {
  const json tags = Client(port()).get("/api/tags").json();
  ASSERT_EQ(tags["models"].size(), 3U);
  EXPECT_EQ(tags["models"][2]["name"], "unloaded");
  EXPECT_EQ(tags["models"][2]["size"], 60'000'000);
  EXPECT_EQ(tags["models"][2]["details"]["parameter_size"], "30.0M");
  EXPECT_EQ(Client(port()).get("/api/ps").json()["models"].size(), 2U);
  const json shown = post("/api/show", {{"model", "unloaded"}}).json();
  EXPECT_EQ(shown["details"]["family"], "llama");
  EXPECT_EQ(shown["capabilities"], json({"completion", "tools"}));
}

TEST_F(Api, OllamaClientsSayHowLongAModelStays) {
  const auto kept = [&](const json& keep_alive) {
    const json body = {{"model", "words"}, {"prompt", "x"}, {"stream", false}, {"keep_alive", keep_alive}};
    const Response response = post("/api/generate", body);
    EXPECT_EQ(response.status, 200) << response.body;
    return service_.last_request().keep_loaded_s;
  };
  EXPECT_EQ(kept(nullptr), std::nullopt);
  EXPECT_EQ(kept("5m"), 300U);
  EXPECT_EQ(kept("1h30m"), 5400U);
  EXPECT_EQ(kept(20), 20U);
  EXPECT_EQ(kept("1500ms"), 2U);
  EXPECT_EQ(kept(-1), 0U) << "it stays";
  EXPECT_EQ(kept("-1m"), 0U);
  EXPECT_EQ(kept(0), 1U) << "it goes at once";
  for (const char* wrong : {"soon", "5 parsecs", "m", "-", "1e9s"}) {
    const json body = {{"model", "words"}, {"prompt", "x"}, {"keep_alive", wrong}};
    EXPECT_EQ(post("/api/generate", body).status, 400) << wrong;
  }
  EXPECT_EQ(post("/api/generate", {{"model", "unloaded"}, {"keep_alive", "10m"}}).json()["done_reason"], "load");
  EXPECT_EQ(service_.last_load().model, "unloaded");
  EXPECT_EQ(service_.last_load().settings.keep_loaded_s, 600U);
  EXPECT_EQ(post("/api/generate", {{"model", "words"}, {"keep_alive", 0}}).json()["done_reason"], "unload");
}

TEST_F(Api, ANodeIsRemovedByItsName) {
  EXPECT_EQ(post("/v1/cluster/remove", {{"node", "other"}}).status, 200);
  expect_error(post("/v1/cluster/remove", {{"node", "none"}}), 404, "node_not_found", "there is no node");
  EXPECT_EQ(post("/v1/cluster/remove", {{"node", "test"}}).status, 400);
  expect_error(post("/v1/cluster/remove", json::object()), 400, "missing_required_parameter", "node: is missing");
  expect_error(post("/v1/cluster/remove", {{"node", 5}}), 400, "invalid_type", "node");
}

TEST_F(Api, TheFilesOfAModelAreRemoved) {
  const auto remove = [&](const json& body) { return post("/v1/models/remove", body); };
  const json told = {{"model", "unloaded"},
                     {"node", "test"},
                     {"files", {"/models/file.gguf"}},
                     {"freed_bytes", 60'000'000},
                     {"refused", nullptr}};
  EXPECT_EQ(Client(port()).get("/v1/library/unloaded").json(), told);
  EXPECT_EQ(Client(port()).get("/v1/library/words").json()["refused"], "words is loaded; unload it first");
  expect_error(Client(port()).get("/v1/library/none"), 404, "model_not_found", "there is no model");
  EXPECT_EQ(service_.removed_models, 0);
  EXPECT_EQ(remove({{"model", "unloaded"}}).json(), told);
  EXPECT_EQ(service_.removed_models, 1);
  expect_error(remove({{"model", "words"}}), 409, "failed_precondition", "unload it first");
  expect_error(remove({{"model", "none"}}), 404, "model_not_found", "there is no model");
  expect_error(remove(json::object()), 400, "missing_required_parameter", "name a model");
  EXPECT_EQ(service_.removed_models, 1);
}

TEST_F(Api, ANodeGetsARole) {
  const auto give = [&](const json& node, const json& role) {
    return post("/v1/cluster/role", {{"node", node}, {"role", role}});
  };
  EXPECT_EQ(give("other", "worker").status, 200);
  expect_error(give("none", "worker"), 404, "node_not_found", "there is no node");
  expect_error(give("test", "member"), 409, "failed_precondition", "only owner");
  expect_error(give("other", "admin"), 400, "invalid_value", "owner, member, worker and guest");
  expect_error(post("/v1/cluster/role", {{"node", "other"}}), 400, "missing_required_parameter", "role: is missing");
  expect_error(post("/v1/cluster/roles", json::object()), 409, "already_exists", "has roles");
}

// A role is no matter of keys.
TEST_F(Api, AWorkerRefusesRequests) {
  service_.set_own_role(wire::Role::worker);
  Client client(port());
  expect_error(client.post(kChat, chat_request("x")), 403, "not_for_this_role", "exogpu role NODE member");
  EXPECT_EQ(client.get("/v1/cluster").status, 200);
  EXPECT_EQ(client.get("/health").status, 200);
}

TEST_F(Api, ANodeGetsAnotherName) {
  const auto rename = [&](const json& node, const json& name) {
    return post("/v1/cluster/rename", {{"node", node}, {"name", name}});
  };
  EXPECT_EQ(rename("test", "desk").status, 200);
  expect_error(rename("none", "desk"), 404, "node_not_found", "there is no node");
  expect_error(rename("test", "other"), 409, "already_exists", "another node is called other");
  EXPECT_EQ(rename("test", "a/b").status, 400);
  expect_error(rename("test", 5), 400, "invalid_type", "name");
  expect_error(post("/v1/cluster/rename", {{"name", "desk"}}), 400, "missing_required_parameter", "node: is missing");
  expect_error(post("/v1/cluster/rename", {{"node", "test"}}), 400, "missing_required_parameter", "name: is missing");
}

TEST_F(Api, ANodeGetsLimitsAndLosesThem) {
  const auto set = [&](json body) {
    if (!body.contains("node")) body["node"] = "test";
    return post("/v1/cluster/limits", body);
  };
  EXPECT_EQ(set({{"temperature_max_c", 75}, {"quiet_hours", "22-7"}, {"memory_max_bytes", 8589934592}}).status, 200);
  EXPECT_EQ(set({{"battery_floor_percent", 100}, {"temperature_max_c", nullptr}}).status, 200);
  EXPECT_EQ(service_.limits, (wire::OwnerLimits{.quiet_hours = wire::DayHours{.from = 22, .to = 7},
                                                .battery_floor_percent = 100,
                                                .memory_max = 8 * GiB}));
  expect_error(set({{"power_max_w", 0}}), 400, "invalid_value", "power_max_w");
  expect_error(set({{"temperature_max_c", "hot"}}), 400, "invalid_type", "temperature_max_c");
  expect_error(set({{"quiet_hours", "22"}}), 400, "invalid_value", "quiet_hours");
  expect_error(set({{"shared_hours", "0-24"}}), 400, "invalid_value", "as 22-7");
  expect_error(set({{"battery_floor_percent", 0}}), 400, "invalid_value", "battery_floor_percent");
  expect_error(set({{"memory_max_bytes", 12}}), 400, "invalid_value", "memory_max_bytes");
  expect_error(set({{"memory", 12}}), 400, "missing_required_parameter", "temperature_max_c, power_max_w");
  expect_error(set({{"node", "none"}, {"power_max_w", 50}}), 404, "node_not_found", "there is no node");
  expect_error(post("/v1/cluster/limits", {{"power_max_w", 50}}), 400, "missing_required_parameter",
               "node: is missing");
}

}  // namespace
}  // namespace exogpu::api
