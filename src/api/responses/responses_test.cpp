#include <gtest/gtest.h>

#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

constexpr const char* kResponses = "/v1/responses";

json response_request(const json& input, const json& more = json::object()) {
  json body = {{"model", "words"}, {"input", input}, {"max_output_tokens", 3}, {"seed", 7}};
  body.update(more);
  return body;
}

TEST_F(Api, AResponseIsContinuedByItsId) {
  const json first = post(kResponses, response_request("one", {{"instructions", "be brief"}})).json();
  ASSERT_EQ(first["object"], "response") << first;
  EXPECT_EQ(first["status"], "incomplete");
  EXPECT_EQ(first["instructions"], "be brief");
  const std::string id = first["id"], answer = first["output"][0]["content"][0]["text"];
  EXPECT_TRUE(answer.ends_with(" be brief")) << answer;

  ASSERT_EQ(post(kResponses, response_request("two", {{"previous_response_id", id}})).status, 200);
  const auto chat = std::get<model::ChatRequest>(service_.last_request().prompt);
  const json messages = json::parse(chat.messages_json);
  ASSERT_EQ(messages.size(), 3U);  // without the first one's instructions
  EXPECT_EQ(messages[0]["content"], "one");
  EXPECT_EQ(messages[1]["content"], json(answer));
  EXPECT_EQ(messages[2]["content"], "two");

  EXPECT_EQ(Client(port()).get("/v1/responses/" + id).json(), first);
  Client client(port());
  client.send(Client::request("DELETE", "/v1/responses/" + id));
  EXPECT_EQ(client.read().json()["deleted"], true);
  expect_error(Client(port()).get("/v1/responses/" + id), 404, "previous_response_not_found", id);
  expect_error(post(kResponses, response_request("x", {{"previous_response_id", id}})), 404,
               "previous_response_not_found", "whole conversation");
}

TEST_F(Api, AResponseThatIsNotStoredIsNotThere) {
  const json response = post(kResponses, response_request("x", {{"store", false}})).json();
  EXPECT_EQ(Client(port()).get("/v1/responses/" + response["id"].get<std::string>()).status, 404);
}

TEST_F(Api, ItemsBecomeMessages) {
  const json input = json::parse(R"([
    {"role":"developer","content":"be"},
    {"type":"message","role":"user","content":[{"type":"input_text","text":"weather?"}]},
    {"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},
    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"I look","annotations":[]}]},
    {"type":"function_call","call_id":"c1","name":"weather","arguments":"{\"town\":\"Ulm\"}"},
    {"type":"function_call_output","call_id":"c1","output":"rain"}])");
  const json tools =
      json::parse(R"([{"type":"function","name":"weather","parameters":{"type":"object"},"strict":false}])");
  const Response response =
      post(kResponses, response_request(input, {{"tools", tools}, {"reasoning", {{"effort", "low"}}}}));
  ASSERT_EQ(response.status, 200) << response.body;
  const auto chat = std::get<model::ChatRequest>(service_.last_request().prompt);
  const json messages = json::parse(chat.messages_json);
  ASSERT_EQ(messages.size(), 4U) << messages;
  EXPECT_EQ(messages[0]["role"], "system");
  EXPECT_EQ(messages[2]["reasoning_content"], "hm");
  EXPECT_EQ(messages[2]["content"], "I look");
  EXPECT_EQ(messages[2]["tool_calls"][0]["id"], "c1");
  EXPECT_EQ(messages[3]["name"], "weather");
  EXPECT_EQ(json::parse(chat.tools_json)[0]["function"]["name"], "weather");
  EXPECT_EQ(json::parse(chat.extra_json)["reasoning_effort"], "low");
}

TEST_F(Api, FormatsOfResponsesConstrainTheAnswer) {
  const json format = {{"type", "json_schema"}, {"name", "n"}, {"schema", {{"type", "array"}}}};
  ASSERT_EQ(post(kResponses, response_request("x", {{"text", {{"format", format}}}})).status, 200);
  EXPECT_EQ(service_.last_request().options.sampling.constraint->text, R"({"type":"array"})");
  expect_error(post(kResponses, response_request("x", {{"text", {{"format", {{"type", "xml"}}}}}})), 400,
               "unsupported_parameter", "xml");
}

TEST_F(Api, ResponsesRefuseWhatTheyCannotDo) {
  expect_error(post(kResponses, response_request("x", {{"background", true}})), 400, "unsupported_parameter",
               "background");
  expect_error(post(kResponses, response_request("x", {{"tools", {{{"type", "web_search"}}}}})), 400,
               "unsupported_value", "tools[0].type");
  const json image = json::parse(R"([{"role":"user","content":[{"type":"input_image","image_url":"x"}]}])");
  expect_error(post(kResponses, response_request(image)), 400, "invalid_value",
               "input[0].content[0].type: \"input_image\"");
  expect_error(post(kResponses, {{"model", "words"}}), 400, "missing_required_parameter", "input");
  expect_error(post(kResponses, response_request("!fail")), 503, "unavailable", "away");
  expect_error(post(kResponses, response_request(json::array())), 400, "invalid_type", "an empty array");
}

}  // namespace
}  // namespace exogpu::api
