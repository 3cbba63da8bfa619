#include <deque>
#include <format>
#include <limits>

#include "base/testing/temp_dir.h"
#include "capi/handles.h"
#include "capi/testing/models.h"

namespace exogpu::capi::testing {
namespace {

using exogpu::testing::TempDir;

class NodeTest : public ModelTest {
 protected:
  // A node on loopback with any free ports.
  exogpu_node_options options(const TempDir& folder, const char* name) {
    const std::string& state = texts_.emplace_back((folder / "state").string());
    const std::string& cache = texts_.emplace_back((folder / "cache").string());
    exogpu_node_options given{};
    given.struct_size = sizeof given;
    given.state = state.c_str();
    given.cache = cache.c_str();
    given.name = name;
    given.listen = "127.0.0.1:0";
    given.api = "127.0.0.1:0";
    given.devices = kDevices;
    given.device_count = 1;
    given.threads = 1;
    given.context_tokens = 256;
    return given;
  }
  // Waits until the snapshot has these words.
  static std::string await(exogpu_node node, std::string_view words) {
    uint64_t version = 0;
    while (true) {
      char* text = nullptr;
      EXPECT_OK(exogpu_node_json(node, &text));
      std::string json = taken(text);
      if (json.contains(words)) return json;
      if (exogpu_node_wait(node, version, 60'000, &version) != EXOGPU_OK) {
        ADD_FAILURE() << exogpu_last_error() << " without " << words << " in " << json;
        return json;
      }
    }
  }
  static std::string token(exogpu_node node) {
    char* text = nullptr;
    EXPECT_OK(exogpu_node_token(node, 1, 600, &text));
    return taken(text);
  }

  static constexpr const char* kDevices[] = {"cpu"};
  std::deque<std::string> texts_;
};

// The whole life of a small cluster in one process: a node is what takes most time here.
TEST_F(NodeTest, ServesItsModelToThisProcessAndToOthers) {
  const TempDir folder;
  files_.push_back(std::make_unique<engine::testing::TinyFile>("qwen3"));
  auto given = options(folder, "desk");
  given.model = files_.back()->path().c_str();
  given.api_key = "secret";
  exogpu_node desk{};
  ASSERT_OK(exogpu_node_start(context, &given, &desk));
  await(desk, R"("serving":true)");
  const std::string name = files_.back()->path().stem().string();
  exogpu_model own{};
  ASSERT_OK(exogpu_node_model(desk, name.c_str(), &own));
  const auto options = generate_options("Once upon a time", 6);
  const std::string text = answer(own, options);
  EXPECT_FALSE(text.empty());

  uint16_t link = 0, api = 0;
  ASSERT_OK(exogpu_node_ports(desk, &link, &api));
  EXPECT_NE(link, 0);
  const std::string address = std::format("127.0.0.1:{}", api);
  exogpu_cluster cluster{};
  ASSERT_OK(exogpu_cluster_open(context, address.c_str(), "secret", &cluster));
  char* json = nullptr;
  ASSERT_OK(exogpu_cluster_models(cluster, &json));
  EXPECT_TRUE(taken(json).contains(name));
  ASSERT_OK(exogpu_cluster_json(cluster, &json));
  EXPECT_TRUE(taken(json).contains("desk"));
  exogpu_model remote{};
  ASSERT_OK(exogpu_cluster_model(cluster, name.c_str(), &remote));
  ASSERT_OK(exogpu_cluster_close(cluster));
  expect_error(exogpu_cluster_close(cluster), EXOGPU_INVALID_ARGUMENT, "was freed or closed before");
  EXPECT_EQ(answer(remote, options), text);

  // Both say the same of texts.
  for (const exogpu_model model : {own, remote}) {
    int32_t tokens[16] = {};
    size_t count = 0;
    ASSERT_OK(exogpu_model_tokenize(model, "Hello", 5, 0, tokens, 16, &count));
    ASSERT_OK(exogpu_model_detokenize(model, tokens, count, &json, nullptr));
    EXPECT_EQ(taken(json), "Hello");
    ASSERT_OK(exogpu_model_template(model, R"([{"role":"user","content":"Hi"}])", &json));
    EXPECT_TRUE(taken(json).contains("Hi"));
    ASSERT_OK(exogpu_model_json(model, &json));
    EXPECT_TRUE(taken(json).contains(R"("context_tokens":256)"));
    auto conversation = generate_options(nullptr, 4);
    conversation.messages = R"([{"role":"user","content":"Hi"}])";
    answer(model, conversation);
    EXPECT_NE(exogpu_model_embed(model, "a", 1, nullptr, 0, &count), EXOGPU_OK);
    exogpu_generation cancelled{};
    const auto longer = generate_options("Once", 200);
    ASSERT_OK(exogpu_model_generate(model, &longer, &cancelled));
    EXPECT_OK(exogpu_generation_cancel(cancelled));
    pull(cancelled);
    EXPECT_OK(exogpu_generation_free(cancelled));
  }
  exogpu_model none{};
  exogpu_code code = EXOGPU_OK;
  exogpu_generation generation{};
  ASSERT_OK(exogpu_node_model(desk, "no-such", &none));
  ASSERT_OK(exogpu_model_generate(none, &options, &generation));
  pull(generation, &code);
  EXPECT_EQ(code, EXOGPU_NOT_FOUND) << exogpu_last_error();
  expect_error(exogpu_model_json(none, &json), EXOGPU_NOT_FOUND, "no-such");
  ASSERT_OK(exogpu_cluster_open(context, address.c_str(), "wrong", &cluster));
  expect_error(exogpu_cluster_models(cluster, &json), EXOGPU_UNAUTHENTICATED, "");

  // What ends a node ends what waits for it.
  ASSERT_OK(exogpu_node_stop(desk));
  expect_error(exogpu_node_stop(desk), EXOGPU_INVALID_ARGUMENT, "was freed or closed before");
  ASSERT_OK(exogpu_model_generate(own, &options, &generation));
  pull(generation, &code);
  EXPECT_EQ(code, EXOGPU_FAILED_PRECONDITION);
  ASSERT_OK(exogpu_model_generate(remote, &options, &generation));
  pull(generation, &code);
  EXPECT_EQ(code, EXOGPU_UNAVAILABLE) << exogpu_last_error();
}

TEST_F(NodeTest, ASecondNodeJoinsAndLeaves) {
  const TempDir desk_folder, phone_folder;
  files_.push_back(std::make_unique<engine::testing::TinyFile>("qwen3"));
  auto given = options(desk_folder, "desk");
  given.model = files_.back()->path().c_str();
  given.api = nullptr;
  exogpu_node desk{}, phone{};
  ASSERT_OK(exogpu_node_start(context, &given, &desk));
  await(desk, R"("leader":true)");
  uint16_t link = 0, api = 1;
  ASSERT_OK(exogpu_node_ports(desk, &link, &api));
  EXPECT_EQ(api, 0);

  const std::string address = std::format("127.0.0.1:{}", link);
  const char* connect[] = {address.c_str()};
  const std::string secret = token(desk);
  auto joining = options(phone_folder, "phone");
  joining.api = nullptr;
  joining.connect = connect;
  joining.connect_count = 1;
  joining.token = secret.c_str();
  ASSERT_OK(exogpu_node_start(context, &joining, &phone));
  await(desk, R"("name":"phone")");

  // The phone's battery is nearly empty.
  exogpu_sensor_input input{};
  input.struct_size = sizeof input;
  input.charge = 0.05;
  input.on_battery = 1;
  input.throttled = 0;
  input.temperature_c = input.temperature_limit_c = std::numeric_limits<double>::quiet_NaN();
  ASSERT_OK(exogpu_node_report_sensors(phone, &input));
  await(desk, R"("charge_percent":5)");
  input.charge = 2;
  expect_error(exogpu_node_report_sensors(phone, &input), EXOGPU_INVALID_ARGUMENT, "charge is 2");

  ASSERT_OK(exogpu_node_add_peer(phone, address.c_str()));
  expect_error(exogpu_node_add_peer(phone, "a:b:c"), EXOGPU_INVALID_ARGUMENT, "not an address");
  char* text = nullptr;
  ASSERT_OK(exogpu_node_pair(desk, &text));
  EXPECT_EQ(taken(text).size(), 6U);
  ASSERT_OK(exogpu_node_approve(desk, "123 456"));
  expect_error(exogpu_node_approve(desk, "12"), EXOGPU_INVALID_ARGUMENT, "");

  ASSERT_OK(exogpu_node_leave(phone));
  EXPECT_FALSE(std::filesystem::exists(phone_folder / "state/identity"));
  EXPECT_TRUE(std::filesystem::exists(phone_folder / "state/identity.before-1"));
  await(desk, R"("online":false)");
  uint64_t version = 0;
  ASSERT_OK(exogpu_node_wait(desk, 0, 0, &version));
  EXPECT_GT(version, 0U);
  expect_error(exogpu_node_wait(desk, version + 1'000'000, 1, &version), EXOGPU_DEADLINE_EXCEEDED, "within 1 ms");
}

TEST_F(NodeTest, WhatCannotStartSaysWhy) {
  const TempDir folder;
  exogpu_node node{};
  auto given = options(folder, "desk");
  expect_error(exogpu_node_start(context, &given, &node), EXOGPU_INVALID_ARGUMENT, "model");
  given.token = "t";
  expect_error(exogpu_node_start(context, &given, &node), EXOGPU_INVALID_ARGUMENT, "connect");
  given = options(folder, "desk");
  given.model = "no-such.gguf";
  expect_error(exogpu_node_start(context, &given, &node), EXOGPU_NOT_FOUND, "no-such.gguf");
  given.listen = "a:b:c";
  expect_error(exogpu_node_start(context, &given, &node), EXOGPU_INVALID_ARGUMENT, "not an address");
  given.state = nullptr;
  expect_error(exogpu_node_start(context, &given, &node), EXOGPU_INVALID_ARGUMENT, "state is a null pointer");
  EXPECT_EQ(node.id, 0U);
  expect_error(exogpu_node_json({}, nullptr), EXOGPU_INVALID_ARGUMENT, "json is a null pointer");
  expect_error(exogpu_node_leave({cpu.id}), EXOGPU_INVALID_ARGUMENT, "names a device");
  expect_error(exogpu_join((folder / "state").c_str(), "12", nullptr), EXOGPU_INVALID_ARGUMENT, "");
  expect_error(exogpu_join((folder / "state").c_str(), "123456", "127.0.0.1:1"), EXOGPU_UNAVAILABLE, "127.0.0.1");
  expect_error(exogpu_join(nullptr, "123456", nullptr), EXOGPU_INVALID_ARGUMENT, "state is a null pointer");
  exogpu_cluster cluster{};
  expect_error(exogpu_cluster_open(context, "a:b:c", nullptr, &cluster), EXOGPU_INVALID_ARGUMENT, "not an address");
  ASSERT_OK(exogpu_cluster_open(context, "127.0.0.1:1", nullptr, &cluster));
  char* json = nullptr;
  expect_error(exogpu_cluster_models(cluster, &json), EXOGPU_UNAVAILABLE, "127.0.0.1:1");
}

}  // namespace
}  // namespace exogpu::capi::testing
