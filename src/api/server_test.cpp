#include "api/server.h"

#include <gtest/gtest.h>

#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

TEST_F(Api, ListsModelsHealthAndCluster) {
  Client client(port());
  const json models = client.get("/v1/models").json();
  EXPECT_EQ(models.at("object"), "list");
  EXPECT_EQ(models.at("data").at(0).at("id"), "words");
  EXPECT_EQ(models.at("data").at(0).at("created"), 1'700'000'000);
  EXPECT_EQ(client.get("/v1/models/words").json().at("id"), "words");
  EXPECT_EQ(client.get("/v1/models/family%2Fother%20words").json().at("id"), "family/other words");
  expect_error(client.get("/v1/models/nope"), 404, "model_not_found", "there is no model \"nope\"; there is words");
  EXPECT_EQ(client.get("/v1/cluster").json().at("nodes").at(0).at("name"), "test");
  EXPECT_EQ(client.get("/health").json().at("status"), "ok");
  service_.loading = true;
  expect_error(client.get("/health"), 503, "unavailable", "words is being loaded");
}

TEST_F(Api, AnswersAChatWhole) {
  const Response response = post(kChat, chat_request("one two", {{"max_tokens", 4}}));
  ASSERT_EQ(response.status, 200) << response.body;
  const json answer = response.json();
  EXPECT_EQ(answer.at("object"), "chat.completion");
  EXPECT_TRUE(answer.at("id").get<std::string>().starts_with("chatcmpl-"));
  EXPECT_EQ(answer.at("model"), "words");
  const json& choice = answer.at("choices").at(0);
  EXPECT_EQ(choice.at("finish_reason"), "length");
  EXPECT_EQ(choice.at("message").at("role"), "assistant");
  EXPECT_TRUE(choice.at("message").at("content").get<std::string>().ends_with(" one two one")) << response.body;
  EXPECT_EQ(answer.at("usage").at("prompt_tokens"), 2);
  EXPECT_EQ(answer.at("usage").at("completion_tokens"), 4);
  EXPECT_EQ(answer.at("usage").at("total_tokens"), 6);
  EXPECT_EQ(answer.at("usage").at("prompt_tokens_details").at("cached_tokens"), 1);
}

TEST_F(Api, StreamsTheTextOfTheWholeAnswer) {
  const json whole = post(kChat, chat_request("one two", {{"max_tokens", 40}})).json();
  const Response stream = post(
      kChat,
      chat_request("one two", {{"max_tokens", 40}, {"stream", true}, {"stream_options", {{"include_usage", true}}}}));
  ASSERT_EQ(stream.status, 200);
  EXPECT_TRUE(stream.complete);
  EXPECT_TRUE(stream.fields.at("content-type").starts_with("text/event-stream"));
  EXPECT_EQ(json(joined(stream)), whole.at("choices").at(0).at("message").at("content"));
  const auto events = stream.events();
  ASSERT_GE(events.size(), 5u);
  EXPECT_EQ(json::parse(events.front()).at("choices").at(0).at("delta").at("role"), "assistant");
  EXPECT_EQ(json::parse(events.front()).at("object"), "chat.completion.chunk");
  EXPECT_TRUE(json::parse(events.front()).at("usage").is_null());
  EXPECT_EQ(events.back(), "[DONE]");
  const json usage = json::parse(events[events.size() - 2]);
  EXPECT_TRUE(usage.at("choices").empty());
  EXPECT_EQ(usage.at("usage").at("completion_tokens"), 40);
  const json last = json::parse(events[events.size() - 3]);
  EXPECT_EQ(last.at("choices").at(0).at("finish_reason"), "length");
  EXPECT_FALSE(json::parse(post(kChat, chat_request("a", {{"max_tokens", 2}, {"stream", true}})).events().at(0))
                   .contains("usage"));
}

TEST_F(Api, CompletionsOfSeveralPrompts) {
  const json body = {{"prompt", {"a", "b c"}}, {"n", 2}, {"max_tokens", 3}, {"seed", 1}};
  const json answer = post(kCompletions, body).json();
  EXPECT_EQ(answer.at("object"), "text_completion");
  EXPECT_EQ(answer.at("model"), "words");  // the first, as none is named
  ASSERT_EQ(answer.at("choices").size(), 4u);
  EXPECT_TRUE(answer["choices"][1]["text"].get<std::string>().ends_with(" a a"));
  EXPECT_TRUE(answer["choices"][3]["text"].get<std::string>().ends_with(" b c"));
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 3);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 12);
  json streamed = body;
  streamed["stream"] = true;
  const Response stream = post(kCompletions, streamed);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(json(joined(stream, i)), answer["choices"][i]["text"]);
}

TEST_F(Api, ACompletionOfNoTokensHasNoText) {
  const json body = {{"prompt", "a b"}, {"max_tokens", 0}, {"logprobs", 1}};
  const json answer = post(kCompletions, body).json();
  EXPECT_EQ(answer["choices"][0]["text"], "") << answer;
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  EXPECT_TRUE(answer["choices"][0]["logprobs"]["tokens"].empty());
  EXPECT_EQ(answer["usage"]["prompt_tokens"], 2);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 0);
  json streamed = body;
  streamed["stream"] = true;
  const Response stream = post(kCompletions, streamed);
  EXPECT_EQ(joined(stream), "");
  EXPECT_EQ(stream.events().back(), "[DONE]");
}

TEST_F(Api, StopSeedAndSeveralAnswers) {
  const json stopped = post(kChat, chat_request("one two three", {{"stop", "two"}})).json();
  EXPECT_EQ(stopped["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(stopped["choices"][0]["message"]["content"].get<std::string>().ends_with(" one "));
  const auto text = [&](int seed) {
    return post(kChat, chat_request("x", {{"max_tokens", 1}, {"seed", seed}}))
        .json()["choices"][0]["message"]["content"];
  };
  EXPECT_EQ(text(5), text(5));
  EXPECT_NE(text(5), text(6));
  const json several = post(kChat, chat_request("x", {{"n", 3}, {"max_tokens", 1}, {"seed", 5}})).json();
  ASSERT_EQ(several["choices"].size(), 3u);
  EXPECT_EQ(several["choices"][1]["message"]["content"], text(6));
}

TEST_F(Api, Logprobs) {
  const json chat = post(kChat, chat_request("x", {{"max_tokens", 2}, {"logprobs", true}, {"top_logprobs", 2}})).json();
  const json& content = chat["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 2u);
  EXPECT_EQ(content[1]["token"], " x");
  EXPECT_EQ(content[1]["bytes"], json::parse("[32,120]"));
  EXPECT_EQ(content[1]["logprob"], -0.5);
  EXPECT_EQ(content[1]["top_logprobs"].size(), 2u);
  const json plain = post(kCompletions, {{"prompt", "x"}, {"max_tokens", 3}, {"logprobs", 1}}).json();
  const json& logprobs = plain["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["tokens"].size(), 3u);
  EXPECT_EQ(logprobs["text_offset"][2].get<int>() - logprobs["text_offset"][1].get<int>(), 2);
}

TEST_F(Api, ToolsReachTheTemplate) {
  const json tools = json::parse(R"([{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])");
  ASSERT_EQ(post(kChat, chat_request("x", {{"max_tokens", 1}, {"tools", tools}})).status, 200);
  const auto request = service_.last_request();
  EXPECT_EQ(json::parse(std::get<model::ChatRequest>(request.prompt).tools_json), tools);
}

TEST_F(Api, ErrorsOfTheRequest) {
  expect_error(post(kChat, chat_request("x", {{"model", "gpt-9"}})), 404, "model_not_found",
               "there is no model \"gpt-9\"");
  const Response wrong = post(kChat, chat_request("x", {{"temperature", "warm"}}));
  expect_error(wrong, 400, "invalid_type", "must be a number");
  EXPECT_EQ(wrong.error().at("param"), "temperature");
  std::string text;
  for (int i = 0; i < 1001; ++i) text += "w ";
  expect_error(post(kChat, chat_request(text)), 400, "context_length_exceeded", "1001 tokens");
  expect_error(post(kChat, chat_request(text, {{"stream", true}})), 400, "context_length_exceeded", "shorten it");
  expect_error(Client(port()).get("/v2/nothing"), 404, "unknown_url",
               "there is no \"/v2/nothing\" here; there is /health, ");
  const Response method = Client(port()).get(kChat);
  expect_error(method, 405, "method_not_allowed", "POST");
  EXPECT_EQ(method.fields.at("allow"), "POST, OPTIONS");
}

TEST_F(Api, ErrorsOfTheNode) {
  expect_error(post(kChat, chat_request("!fail")), 503, "unavailable", "the device is away");
  expect_error(post(kChat, chat_request("!fail", {{"stream", true}})), 503, "unavailable", "the device is away");
  expect_error(post(kChat, chat_request("!vanish")), 500, "internal", "without a result");
  expect_error(post(kChat, chat_request("!break")), 503, "unavailable", "unplugged");
  // Slowly, so that its beginning is sent before it breaks.
  const Response stream = post(kChat, chat_request("!slow !break", {{"stream", true}}));
  EXPECT_EQ(stream.status, 200);  // it had begun
  EXPECT_TRUE(stream.complete);
  EXPECT_EQ(json::parse(stream.events().back()).at("error").at("code"), "unavailable");
}

const json kWeather = {{"type", "function"}, {"function", {{"name", "weather"}, {"parameters", {{"type", "object"}}}}}};
// The fake begins every answer with a number.
constexpr const char* kTwoCalls = R"(<tool_call> {"name": "weather", "arguments": {"town": "A"}} </tool_call> )"
                                  R"(<tool_call> {"name": "weather", "arguments": {}} </tool_call> END)";

TEST_F(Api, ToolCallsComeOutAsToolCalls) {
  const json answer =
      post(kChat, chat_request(kTwoCalls, {{"tools", json::array({kWeather})}, {"stop", "END"}})).json();
  const json& choice = answer.at("choices")[0];
  EXPECT_EQ(choice.at("finish_reason"), "tool_calls");
  const json& calls = choice.at("message").at("tool_calls");
  ASSERT_EQ(calls.size(), 2u) << answer;
  EXPECT_EQ(calls[0].at("type"), "function");
  EXPECT_EQ(calls[0].at("function").at("name"), "weather");
  EXPECT_EQ(json::parse(calls[0].at("function").at("arguments").get<std::string>()), json({{"town", "A"}}));
  EXPECT_EQ(calls[1].at("function").at("arguments"), "{}");
  EXPECT_NE(calls[0].at("id"), calls[1].at("id"));
  EXPECT_FALSE(choice.at("message").at("content").get<std::string>().contains("tool_call"));
}

TEST_F(Api, ToolCallsAreStreamedPieceByPiece) {
  const Response response =
      post(kChat, chat_request(kTwoCalls, {{"tools", json::array({kWeather})}, {"stop", "END"}, {"stream", true}}));
  std::vector<json> calls;
  std::string reason;
  for (const std::string& event : response.events()) {
    if (event == "[DONE]") continue;
    const json choice = json::parse(event).at("choices")[0];
    if (choice.at("finish_reason").is_string()) reason = choice["finish_reason"];
    for (const json& part : choice.at("delta").value("tool_calls", json::array())) {
      const size_t index = part.at("index");
      if (index == calls.size()) {
        calls.push_back(part);
      } else {
        ASSERT_LT(index, calls.size());
        EXPECT_FALSE(part.contains("id"));
        auto& arguments = calls[index]["function"]["arguments"].get_ref<std::string&>();
        arguments += part.at("function").at("arguments").get<std::string>();
      }
    }
  }
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].at("function").at("name"), "weather");
  EXPECT_EQ(json::parse(calls[0].at("function").at("arguments").get<std::string>()), json({{"town", "A"}}));
  EXPECT_EQ(reason, "tool_calls");
}

TEST_F(Api, OneCallIsEnoughWhereSeveralMayNotBe) {
  const json answer =
      post(kChat, chat_request(kTwoCalls, {{"tools", json::array({kWeather})}, {"parallel_tool_calls", false}})).json();
  EXPECT_EQ(answer.at("choices")[0].at("message").at("tool_calls").size(), 1u);
  EXPECT_EQ(answer.at("choices")[0].at("finish_reason"), "tool_calls");
}

TEST_F(Api, ReasoningComesOutAsReasoning) {
  const json request = chat_request("<think> hm, so </think> yes END", {{"stop", "END"}});
  const json message = post(kChat, request).json().at("choices")[0].at("message");
  EXPECT_EQ(message.value("reasoning_content", ""), "hm, so");
  EXPECT_EQ(message.at("content"), "yes ");
  json streamed = request;
  streamed["stream"] = true;
  const Response stream = post(kChat, streamed);
  std::string reasoning;
  for (const std::string& event : stream.events()) {
    if (event == "[DONE]") continue;
    reasoning += json::parse(event).at("choices")[0].at("delta").value("reasoning_content", "");
  }
  EXPECT_EQ(reasoning, "hm, so");
  EXPECT_EQ(joined(stream), "yes ");
}

TEST_F(Api, WithoutToolsTheMarksAreText) {
  const json answer = post(kChat, chat_request(kTwoCalls, {{"stop", "END"}})).json();
  EXPECT_EQ(answer.at("choices")[0].at("finish_reason"), "stop");
  EXPECT_TRUE(answer.at("choices")[0].at("message").at("content").get<std::string>().contains("<tool_call>"));
}

TEST_F(Api, ACompletionMayBeginWithItsPrompt) {
  json request = {{"prompt", "one two three"}, {"echo", true}, {"max_tokens", 2}, {"seed", 1}, {"logprobs", 2}};
  const json choice = post(kCompletions, request).json()["choices"][0];
  EXPECT_TRUE(choice["text"].get<std::string>().starts_with("one two three")) << choice;
  const json& logprobs = choice["logprobs"];
  ASSERT_EQ(logprobs["tokens"].size(), 5U);
  EXPECT_TRUE(logprobs["token_logprobs"][0].is_null());
  EXPECT_TRUE(logprobs["top_logprobs"][0].is_null());
  EXPECT_EQ(logprobs["token_logprobs"][1], -0.25);
  EXPECT_TRUE(logprobs["top_logprobs"][1].is_object());
  EXPECT_EQ(logprobs["token_logprobs"][3], -0.5);

  request["max_tokens"] = 0;
  const json prompt = post(kCompletions, request).json();
  EXPECT_EQ(prompt["choices"][0]["text"], "one two three");
  EXPECT_EQ(prompt["choices"][0]["logprobs"]["tokens"].size(), 3U);
  EXPECT_EQ(prompt["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(prompt["usage"]["completion_tokens"], 0);

  request["stream"] = true;
  request.erase("logprobs");
  EXPECT_EQ(joined(post(kCompletions, request)), "one two three");
}

}  // namespace
}  // namespace exogpu::api
