#include <gtest/gtest.h>

#include "api/testing/api_fixture.h"
#include "api/testing/deliveries.h"

namespace exogpu::api {
namespace {

using namespace testing;

json message_request(const json& messages, const json& more = json::object()) {
  json body = {{"model", "words"}, {"max_tokens", 4}, {"messages", messages}};
  body.update(more);
  return body;
}

json user(const json& content) { return {{"role", "user"}, {"content", content}}; }

void expect_typed_error(const Response& response, int status, std::string_view type, std::string_view words) {
  EXPECT_EQ(response.status, status) << response.body;
  const json body = response.json();
  EXPECT_EQ(body["type"], "error") << response.body;
  EXPECT_EQ(body["error"]["type"], type) << response.body;
  EXPECT_NE(body["error"]["message"].get<std::string>().find(words), std::string::npos) << response.body;
}

TEST_F(Api, AMessageIsAnsweredWholeAndStreamed) {
  const json body = message_request(json::array({user("one two")}), {{"seed", 7}, {"system", "be brief"}});
  const json whole = post("/v1/messages", body).json();
  EXPECT_EQ(whole["stop_reason"], "max_tokens");
  json streaming = body;
  streaming["stream"] = true;
  const Response stream = post("/v1/messages", streaming);
  EXPECT_TRUE(stream.fields.at("content-type").starts_with("text/event-stream"));
  std::string text;
  for (const NamedEvent& event : named_events(stream.body)) {
    if (event.name == "content_block_delta") text += event.data["delta"]["text"].get<std::string>();
    if (event.name != "message_start") continue;
    EXPECT_EQ(event.data["message"]["usage"]["input_tokens"], 4);
  }
  EXPECT_EQ(json(text), whole["content"][0]["text"]);
  const auto chat = std::get<model::ChatRequest>(service_.last_request().prompt);
  EXPECT_EQ(json::parse(chat.messages_json)[0], json::parse(R"({"role":"system","content":"be brief"})"));
  EXPECT_EQ(json::parse(chat.extra_json)["enable_thinking"], false);
}

TEST_F(Api, BlocksBecomeMessages) {
  const json messages = json::parse(R"([
    {"role":"user","content":[{"type":"text","text":"weather?"}]},
    {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"x"},{"type":"text","text":"I look"},
       {"type":"tool_use","id":"t1","name":"weather","input":{"town":"Ulm"}},
       {"type":"tool_use","id":"t2","name":"time","input":{}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"rain"}]},
       {"type":"tool_result","tool_use_id":"t2","is_error":true,"content":"no clock"},
       {"type":"text","text":"and now?"}]}])");
  const json tools = json::parse(R"([{"name":"weather","description":"of a town","input_schema":{"type":"object"}}])");
  const Response response =
      post("/v1/messages",
           message_request(messages, {{"tools", tools}, {"thinking", {{"type", "enabled"}, {"budget_tokens", 1024}}}}));
  ASSERT_EQ(response.status, 200) << response.body;
  const auto chat = std::get<model::ChatRequest>(service_.last_request().prompt);
  const json rendered = json::parse(chat.messages_json);
  ASSERT_EQ(rendered.size(), 5U) << rendered;
  EXPECT_EQ(rendered[1]["reasoning_content"], "hm");
  EXPECT_EQ(rendered[1]["content"], "I look");
  EXPECT_EQ(rendered[1]["tool_calls"][0]["function"]["arguments"], R"({"town":"Ulm"})");
  EXPECT_EQ(rendered[2]["role"], "tool");
  EXPECT_EQ(rendered[2]["content"], "rain");
  EXPECT_EQ(rendered[2]["tool_call_id"], "t1");
  EXPECT_EQ(rendered[2]["name"], "weather");
  EXPECT_EQ(rendered[3]["content"], "Error: no clock");
  EXPECT_EQ(rendered[4], json::parse(R"({"role":"user","content":"and now?"})"));
  EXPECT_EQ(json::parse(chat.tools_json)[0]["function"]["parameters"], json::parse(R"({"type":"object"})"));
  EXPECT_EQ(json::parse(chat.extra_json)["enable_thinking"], true);
}

TEST_F(Api, MessageTokensAreCounted) {
  const json body = {{"model", "words"}, {"messages", {user("hi")}}};
  // "<user>hi" and a token at the beginning
  EXPECT_EQ(post("/v1/messages/count_tokens", body).json(), json::parse(R"({"input_tokens":9})"));
}

TEST_F(Api, AnthropicErrorsHaveTheirForm) {
  const json hello = json::array({user("x")});
  expect_typed_error(post("/v1/messages", message_request(hello, {{"model", "nope"}})), 404, "not_found_error", "nope");
  json unlimited = message_request(hello);
  unlimited.erase("max_tokens");
  expect_typed_error(post("/v1/messages", unlimited), 400, "invalid_request_error", "max_tokens");
  expect_typed_error(post("/v1/messages", message_request(json::array())), 400, "invalid_request_error", "messages");
  const json image = json::parse(R"([{"type":"image","source":{"type":"url","url":"http://x"}}])");
  expect_typed_error(post("/v1/messages", message_request(json::array({user(image)}))), 400, "invalid_request_error",
                     "messages[0].content[0].type: \"image\"");
  expect_typed_error(
      post("/v1/messages", message_request(hello, {{"tools", {{{"type", "web_search_20250305"}, {"name", "w"}}}}})),
      400, "invalid_request_error", "tools[0].type");
  expect_typed_error(post("/v1/messages", message_request(hello, {{"tool_choice", {{"type", "tool"}, {"name", "f"}}}})),
                     400, "invalid_request_error", "tool_choice");
  expect_typed_error(post("/v1/messages", message_request(json::array({user("!fail")}))), 503, "overloaded_error",
                     "away");
  expect_typed_error(Client(port()).get("/v1/messages"), 405, "invalid_request_error", "POST");
  ServerOptions options;
  options.api_keys = {"sesame"};
  serve(options);
  expect_typed_error(post("/v1/messages", message_request(hello)), 401, "authentication_error", "x-api-key");
  const Response keyed = Client(port()).post("/v1/messages", message_request(hello),
                                             "x-api-key: sesame\r\nanthropic-version: 2023-06-01\r\n");
  EXPECT_EQ(keyed.status, 200) << keyed.body;
}

TEST_F(Api, AnOutputFormatConstrainsTheAnswer) {
  const json format = {{"type", "json_schema"}, {"schema", {{"type", "array"}}}};
  for (const json& more : {json{{"output_config", {{"format", format}}}}, json{{"output_format", format}}}) {
    ASSERT_EQ(post("/v1/messages", message_request(json::array({user("x")}), more)).status, 200);
    EXPECT_EQ(service_.last_request().options.sampling.constraint->text, R"({"type":"array"})");
  }
}

TEST_F(Api, TheStopSequenceIsNamed) {
  const json answer = post("/v1/messages", message_request(json::array({user("one two three")}),
                                                           {{"max_tokens", 90}, {"stop_sequences", {"zebra", "two"}}}))
                          .json();
  EXPECT_EQ(answer["stop_reason"], "stop_sequence");
  EXPECT_EQ(answer["stop_sequence"], "two");
}

}  // namespace
}  // namespace exogpu::api
