#include <gtest/gtest.h>

#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

std::vector<json> lines(const Response& response) {
  std::vector<json> out;
  for (size_t at = 0, end; (end = response.body.find('\n', at)) != response.body.npos; at = end + 1) {
    out.push_back(json::parse(response.body.substr(at, end - at)));
  }
  return out;
}

void expect_line_error(const Response& response, int status, std::string_view words) {
  EXPECT_EQ(response.status, status) << response.body;
  const json body = response.json();
  ASSERT_TRUE(body.is_object() && body.contains("error") && body["error"].is_string()) << response.body;
  EXPECT_NE(body["error"].get<std::string>().find(words), std::string::npos) << response.body;
}

json ollama_chat(std::string_view text, const json& more = json::object()) {
  json body = {{"model", "words"},
               {"messages", {{{"role", "user"}, {"content", text}}}},
               {"options", {{"seed", 7}, {"num_predict", 4}}}};
  body.update(more);
  return body;
}

TEST_F(Api, OllamaChatsAreLines) {
  const Response streamed = post("/api/chat", ollama_chat("one two"));
  EXPECT_EQ(streamed.fields.at("content-type"), "application/x-ndjson");
  const auto all = lines(streamed);
  ASSERT_GE(all.size(), 2U) << streamed.body;
  std::string text;
  for (const json& line : all) {
    EXPECT_EQ(line["model"], "words");
    EXPECT_EQ(line["message"]["role"], "assistant");
    EXPECT_EQ(line["done"], &line == &all.back());
    text += line["message"]["content"].get<std::string>();
  }
  const json& last = all.back();
  EXPECT_EQ(last["done_reason"], "length");
  EXPECT_EQ(last["prompt_eval_count"], 2);
  EXPECT_EQ(last["eval_count"], 4);
  EXPECT_GT(last["total_duration"].get<int64_t>(), 0);
  const json whole = post("/api/chat", ollama_chat("one two", {{"stream", false}, {"keep_alive", "5m"}})).json();
  EXPECT_EQ(whole["message"]["content"], json(text));
  EXPECT_EQ(whole["done"], true);
  EXPECT_EQ(post("/api/chat", ollama_chat("x", {{"model", "words:latest"}, {"stream", false}})).status, 200);
}

TEST_F(Api, OllamaGeneratesWithAndWithoutTemplate) {
  const json raw = {{"model", "words"}, {"prompt", "a b"}, {"raw", true},
                    {"stream", false},  {"system", "s"},   {"options", {{"num_predict", 3}, {"stop", {"b"}}}}};
  const json answer = post("/api/generate", raw).json();
  EXPECT_TRUE(answer["response"].get<std::string>().ends_with(" a ")) << answer;
  EXPECT_EQ(answer["done_reason"], "stop");
  EXPECT_EQ(std::get<std::string>(service_.last_request().prompt), "a b");

  json templated = raw;
  templated.erase("raw");
  templated["think"] = false;
  ASSERT_EQ(post("/api/generate", templated).status, 200);
  const auto chat = std::get<model::ChatRequest>(service_.last_request().prompt);
  EXPECT_EQ(json::parse(chat.messages_json)[0]["role"], "system");
  EXPECT_EQ(json::parse(chat.messages_json)[1]["content"], "a b");
  EXPECT_EQ(json::parse(chat.extra_json)["enable_thinking"], false);

  templated["suffix"] = "c";
  ASSERT_EQ(post("/api/generate", templated).status, 200);
  EXPECT_EQ(std::get<node::InfillPrompt>(service_.last_request().prompt).suffix, "c");
}

TEST_F(Api, OllamaTellsAboutModels) {
  const json tags = Client(port()).get("/api/tags").json()["models"];
  ASSERT_EQ(tags.size(), 3U);
  EXPECT_EQ(tags[0]["name"], "words");
  EXPECT_EQ(tags[0]["modified_at"], "2023-11-14T22:13:20.000000Z");
  EXPECT_EQ(tags[0]["size"], 123'456);
  EXPECT_EQ(tags[0]["details"]["parameter_size"], "1.5B");
  EXPECT_EQ(tags[0]["details"]["quantization_level"], "Q8_0");
  EXPECT_EQ(Client(port()).get("/api/ps").json()["models"][0]["context_length"], WordsService::kContext);
  const json shown = post("/api/show", {{"model", "words"}}).json();
  EXPECT_EQ(shown["model_info"]["general.architecture"], "words");
  EXPECT_EQ(shown["model_info"]["words.context_length"], 1000);
  EXPECT_EQ(shown["capabilities"], json::array({"completion"}));
  EXPECT_EQ(post("/api/show", {{"name", "words"}}).status, 200);
  EXPECT_FALSE(Client(port()).get("/api/version").json()["version"].get<std::string>().empty());
  EXPECT_EQ(post("/api/generate", {{"model", "words"}}).json()["done_reason"], "load");
  EXPECT_EQ(post("/api/chat", {{"model", "words"}, {"messages", json::array()}}).json()["done_reason"], "load");
}

TEST_F(Api, OllamaErrorsAreTexts) {
  expect_line_error(post("/api/chat", ollama_chat("x", {{"model", "nope"}})), 404, "there is no model \"nope\"");
  expect_line_error(post("/api/chat", ollama_chat("!fail")), 503, "the device is away");
  expect_line_error(post("/api/chat", ollama_chat("x", {{"format", "xml"}})), 400, "format");
  expect_line_error(post("/api/chat", ollama_chat("x", {{"options", {{"mirostat", 2}}}})), 400, "options.mirostat");
  expect_line_error(post("/api/chat", ollama_chat("x", {{"options", {{"num_predict", 0}}}})), 400, "num_predict");
  const json image = {{{"role", "user"}, {"content", "x"}, {"images", {"aGVsbG8="}}}};
  expect_line_error(post("/api/chat", ollama_chat("x", {{"messages", image}})), 400, "messages[0].images");
  expect_line_error(post("/api/generate", {{"model", "words"}, {"prompt", "x"}, {"context", {1, 2}}}), 400, "context");
  expect_line_error(post("/api/generate", {{"prompt", "x"}}), 400, "model");
  expect_line_error(post("/api/pull", json::object()), 400, "model");
  expect_line_error(post("/api/nothing", json::object()), 404, "there is no \"/api/nothing\"");
  const auto broken = lines(post("/api/chat", ollama_chat("!slow !break", {{"options", {{"num_predict", 40}}}})));
  ASSERT_FALSE(broken.empty());
  EXPECT_NE(broken.back()["error"].get<std::string>().find("unplugged"), std::string::npos);
}

TEST_F(Api, OllamaPullsWithALineForEachStep) {
  const auto steps = lines(post("/api/pull", {{"model", "org/repo"}}));
  ASSERT_GE(steps.size(), 3U);
  EXPECT_EQ(steps.front()["status"], "pulling manifest");
  EXPECT_EQ(steps[1]["completed"], 5);
  EXPECT_EQ(steps[1]["total"], 5);
  EXPECT_EQ(steps.back()["status"], "success");
  EXPECT_EQ(post("/api/pull", {{"name", "org/repo"}, {"stream", false}}).json(), json({{"status", "success"}}));
  expect_line_error(post("/api/pull", {{"model", "!fail"}}), 404, "the hub does not have it");
}

TEST_F(Api, AStreamOfOllamasMayLinger) {
  const Response kept = post("/api/chat", ollama_chat("one two", {{"linger_s", 60}}));
  ASSERT_TRUE(kept.fields.contains("x-stream-id")) << kept.body;
  const Response again = Client(port()).get("/v1/stream/" + kept.fields.at("x-stream-id"));
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, kept.body);
  expect_line_error(post("/api/chat", ollama_chat("x", {{"linger_s", 60}, {"stream", false}})), 400, "linger_s");
}

TEST_F(Api, OllamaFormatsConstrainTheAnswer) {
  ASSERT_EQ(post("/api/chat", ollama_chat("x", {{"format", "json"}})).status, 200);
  EXPECT_EQ(service_.last_request().options.sampling.constraint->text, R"({"type":"object"})");
  ASSERT_EQ(post("/api/chat", ollama_chat("x", {{"format", {{"type", "array"}}}})).status, 200);
  EXPECT_EQ(service_.last_request().options.sampling.constraint->text, R"({"type":"array"})");
  ASSERT_EQ(post("/api/chat", ollama_chat("x", {{"format", ""}})).status, 200);
  EXPECT_FALSE(service_.last_request().options.sampling.constraint);
}

TEST_F(Api, OllamaToolsReachTheTemplate) {
  const json tool = json::parse(R"({"type":"function","function":{"name":"f","parameters":{"type":"object"}}})");
  const json messages = json::parse(
      R"([{"role":"user","content":"x"},
          {"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},
          {"role":"tool","content":"2","tool_name":"f"}])");
  const Response response = post("/api/chat", ollama_chat("x", {{"messages", messages}, {"tools", {tool}}}));
  ASSERT_EQ(response.status, 200) << response.body;
  const auto chat = std::get<model::ChatRequest>(service_.last_request().prompt);
  EXPECT_EQ(json::parse(chat.tools_json)[0], tool);
  const json rendered = json::parse(chat.messages_json);
  EXPECT_EQ(rendered[1]["tool_calls"][0]["function"]["name"], "f");
  EXPECT_EQ(json::parse(rendered[1]["tool_calls"][0]["function"]["arguments"].get<std::string>())["a"], 1);
  EXPECT_EQ(rendered[2]["name"], "f");
}

}  // namespace
}  // namespace exogpu::api
