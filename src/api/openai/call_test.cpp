#include "api/openai/call.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

Parsed<Call> chat(std::string_view body) { return parse_call(CallKind::chat, body, {}, 99); }
Parsed<Call> completion(std::string_view body) { return parse_call(CallKind::completion, body, {}, 99); }

// A chat request with these further fields.
std::string with(std::string_view fields) {
  return std::format(R"({{"messages":[{{"role":"user","content":"hi"}}]{}{}}})", fields.empty() ? "" : ",", fields);
}

void expect_refused(const Parsed<Call>& call, std::string_view param, std::string_view words, unsigned status = 400) {
  ASSERT_FALSE(call) << "accepted, but expected: " << words;
  EXPECT_EQ(call.error().status, status);
  EXPECT_EQ(call.error().param.value_or(""), param) << call.error().message;
  EXPECT_NE(call.error().message.find(words), std::string::npos) << call.error().message;
}

TEST(Call, DefaultsAreThoseOfTheSampler) {
  const auto call = chat(with(""));
  ASSERT_TRUE(call);
  const auto& request = call->generations.front();
  const engine::SamplerSettings defaults;
  EXPECT_EQ(request.options.sampling.temperature, defaults.temperature);
  EXPECT_EQ(request.options.sampling.top_k, defaults.top_k);
  EXPECT_EQ(request.options.sampling.seed, 99u);
  EXPECT_EQ(request.options.tokens_max, 0u);
  EXPECT_EQ(request.answers, 1u);
  EXPECT_FALSE(call->stream || call->logprobs || call->include_usage);
  EXPECT_EQ(std::get<model::ChatRequest>(request.prompt).messages_json, R"([{"role":"user","content":"hi"}])");
}

TEST(Call, EverySettingArrives) {
  const auto call = chat(with(
      R"("model":"m","temperature":0,"top_p":0.5,"top_k":7,"min_p":0.1,"typical_p":0.9,"repeat_penalty":1.5,
      "presence_penalty":-1,"frequency_penalty":2,"repeat_last_n":8,"logit_bias":{"5":-100,"6":1.5},"seed":-1,
      "stop":["a","b"],"max_tokens":3,"max_completion_tokens":4.0,"n":2,"logprobs":true,"top_logprobs":5,"stream":true,
      "stream_options":{"include_usage":true},"ignore_eos":true,"wait_s":2.5,"user":"x","metadata":{"a":1},"unheard_of":[[]],
      "chat_template_kwargs":{"enable_thinking":false},"reasoning_effort":"low")"));
  ASSERT_TRUE(call) << call.error().message;
  const auto& request = call->generations.front();
  const auto& sampling = request.options.sampling;
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.wait, std::chrono::milliseconds(2500));
  EXPECT_EQ(sampling.temperature, 0.0f);
  EXPECT_EQ(sampling.top_p, 0.5f);
  EXPECT_EQ(sampling.top_k, 7u);
  EXPECT_EQ(sampling.min_p, 0.1f);
  EXPECT_EQ(sampling.typical_p, 0.9f);
  EXPECT_EQ(sampling.repeat_penalty, 1.5f);
  EXPECT_EQ(sampling.presence_penalty, -1.0f);
  EXPECT_EQ(sampling.frequency_penalty, 2.0f);
  EXPECT_EQ(sampling.penalty_last_n, 8u);
  EXPECT_EQ(sampling.logit_bias, (std::map<model::TokenId, float>{{5, -100.0f}, {6, 1.5f}}));
  EXPECT_EQ(sampling.seed, UINT64_MAX);
  EXPECT_EQ(sampling.logprobs, 5u);
  EXPECT_EQ(request.options.stops, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request.options.tokens_max, 4u);
  EXPECT_TRUE(request.options.ignore_end);
  EXPECT_EQ(request.answers, 2u);
  EXPECT_TRUE(call->stream && call->include_usage && call->logprobs);
  EXPECT_EQ(std::get<model::ChatRequest>(request.prompt).extra_json,
            R"({"enable_thinking":false,"reasoning_effort":"low"})");
}

TEST(Call, TokensAreNamedByTextUnlessTheirIdsAreWanted) {
  EXPECT_FALSE(completion(R"({"prompt":"a"})")->names_tokens_by_id);
  EXPECT_TRUE(completion(R"({"prompt":"a","return_tokens_as_token_ids":true})")->names_tokens_by_id);
}

TEST(Call, NullIsAbsent) {
  const auto call = chat(with(R"("temperature":null,"stop":null,"seed":null,"n":null,"tools":null,"tool_choice":null,
      "stream":null,"stream_options":null,"response_format":null,"logit_bias":null,"model":null)"));
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->generations.front().options.sampling.seed, 99u);
}

TEST(Call, WrongTypesAndValuesAreNamed) {
  expect_refused(chat(with(R"("temperature":"hot")")), "temperature", "must be a number, and is a string");
  expect_refused(chat(with(R"("temperature":-1)")), "temperature", "must be from 0 to 100, and is -1");
  expect_refused(chat(with(R"("top_p":1.5)")), "top_p", "must be from 0 to 1");
  expect_refused(chat(with(R"("n":0)")), "n", "must be from 1 to 128");
  expect_refused(chat(with(R"("n":33)")), "n", "33 answers are asked for at once, and 32 is the most");
  expect_refused(chat(with(R"("n":1.5)")), "n", "must be an integer");
  expect_refused(chat(with(R"("max_tokens":0)")), "max_tokens", "at least 1");
  expect_refused(chat(with(R"("max_tokens":18446744073709551615)")), "max_tokens", "must be from");
  expect_refused(chat(with(R"("max_completion_tokens":1e300)")), "max_completion_tokens", "must be from");
  expect_refused(chat(with(R"("stream":1)")), "stream", "must be a boolean, and is an integer");
  expect_refused(chat(with(R"("stream_options":[1])")), "stream_options", "must be an object");
  expect_refused(chat(with(R"("logit_bias":[1])")), "logit_bias", "must be an object");
  expect_refused(chat(with(R"("chat_template_kwargs":[1])")), "chat_template_kwargs", "must be an object");
  expect_refused(chat(with(R"("stop":["a",""])")), "stop[1]", "is empty");
  expect_refused(chat(with(R"("stop":[1])")), "stop[0]", "must be a string");
  expect_refused(chat(with(R"("logit_bias":{"x":1})")), "logit_bias", "no token id");
  expect_refused(chat(with(R"("logit_bias":{"1":101})")), "logit_bias.1", "must be from -100 to 100");
  expect_refused(chat(with(R"("seed":"s")")), "seed", "must be an integer");
  expect_refused(chat(with(R"("seed":1.5)")), "seed", "must be an integer");
  expect_refused(chat(with(R"("top_logprobs":3)")), "top_logprobs", "needs logprobs");
  expect_refused(chat(with(R"("model":7)")), "model", "must be a string");
  expect_refused(completion(R"({"prompt":"a","logprobs":true})"), "logprobs", "must be an integer");
  expect_refused(completion(R"({"prompt":"a","return_tokens_as_token_ids":1})"), "return_tokens_as_token_ids",
                 "must be a boolean");
}

TEST(Call, WhatCannotBeDoneIsRefusedNotIgnored) {
  EXPECT_TRUE(chat(with(R"("response_format":{"type":"text"})")));
  expect_refused(chat(with(R"("functions":[{}])")), "functions", "give the functions as `tools`");
  expect_refused(chat(with(R"("tool_choice":"required")")), "tool_choice", "has no tools");
  expect_refused(completion(R"({"prompt":"a","best_of":3})"), "best_of", "must equal n");
  EXPECT_TRUE(completion(R"({"prompt":"a","best_of":2,"n":2,"echo":false,"suffix":""})"));
}

TEST(Call, MessagesBecomeWhatTemplatesKnow) {
  const auto call = chat(R"({"messages":[
      {"role":"developer","content":[{"type":"text","text":"be "},{"type":"text","text":"brief"}]},
      {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},
      {"role":"tool","tool_call_id":"1","content":"42"}, {"role":"assistant"}]})");
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(
      std::get<model::ChatRequest>(call->generations.front().prompt).messages_json,
      R"([{"role":"system","content":"be brief"},)"
      R"({"role":"assistant","content":"","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
      R"({"role":"tool","content":"42","tool_call_id":"1"},{"role":"assistant","content":""}])");
}

TEST(Call, AnEmptyArrayIsAnEmptyObject) {
  const auto call = chat(with(R"("stream_options":[],"logit_bias":[],"chat_template_kwargs":[])"));
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(std::get<model::ChatRequest>(call->generations.front().prompt).extra_json, "");
}

TEST(Call, AnAnswerThatHasBegunIsContinued) {
  const auto begun = [](std::string_view last, std::string_view more) {
    const auto call = chat(std::format(R"({{"messages":[{{"role":"user","content":"hi"}},{}]{}}})", last, more));
    return call ? std::get<model::ChatRequest>(call->generations.front().prompt).answer_so_far : call.error().message;
  };
  EXPECT_EQ(begun(R"({"role":"assistant","content":"He"})", ""), "He");
  EXPECT_EQ(begun(R"({"role":"assistant","content":[{"type":"text","text":"He"}]})", ""), "He");
  EXPECT_EQ(begun(R"({"role":"assistant","content":"He"})", R"(,"continue_final_message":false)"), "");
  EXPECT_EQ(begun(R"({"role":"assistant","content":"He","tool_calls":[]})", ""), "He");
  EXPECT_EQ(begun(R"({"role":"assistant","content":"He","tool_calls":[{"function":{"name":"f"}}]})", ""), "");
  EXPECT_EQ(begun(R"({"role":"assistant"})", ""), "");
  EXPECT_EQ(begun(R"({"role":"user","content":"He"})", ""), "");
}

TEST(Call, BadMessagesAreNamed) {
  expect_refused(chat(R"({})"), "messages", "is missing");
  expect_refused(chat(R"({"messages":{}})"), "messages", "must be an array, and is an object");
  expect_refused(chat(R"({"messages":[]})"), "messages", "is empty");
  expect_refused(chat(R"({"messages":["hi"]})"), "messages[0]", "must be an object, and is a string");
  expect_refused(chat(R"({"messages":[{"content":"hi"}]})"), "messages[0].role", "is missing");
  expect_refused(chat(R"({"messages":[{"role":"user"}]})"), "messages[0].content", "is missing");
  expect_refused(chat(R"({"messages":[{"role":"user","content":null}]})"), "messages[0].content", "is missing or null");
  expect_refused(chat(R"({"messages":[{"role":"user","content":5}]})"), "messages[0].content", "must be a string");
  expect_refused(chat(R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]})"),
                 "messages[0].content[0].type", "read text only");
}

TEST(Call, ToolsKeepTheOrderOfTheirKeys) {
  const std::string tools =
      R"([{"type":"function","function":{"name":"zoo","description":"b","parameters":{"y":1,"a":2}}}])";
  const auto call = chat(with(R"("tools":)" + tools + R"(,"tool_choice":"auto")"));
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(std::get<model::ChatRequest>(call->generations.front().prompt).tools_json, tools);
  const auto none = chat(with(R"("tools":)" + tools + R"(,"tool_choice":"none")"));
  ASSERT_TRUE(none);
  EXPECT_EQ(std::get<model::ChatRequest>(none->generations.front().prompt).tools_json, "");
  expect_refused(chat(with(R"("tools":[{"type":"function"}])")), "tools[0].function", "must be an object");
  expect_refused(chat(with(R"("tools":[{"function":{}}])")), "tools[0].function.name", "is missing");
}

TEST(Call, ACompletionOfNoTokensReadsThePrompt) {
  const auto none = completion(R"({"prompt":"a","max_tokens":0})");
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_TRUE(none->generations[0].options.only_prompt);
  EXPECT_EQ(none->generations[0].options.tokens_max, 1u);
  EXPECT_FALSE(completion(R"({"prompt":"a"})")->generations[0].options.only_prompt);
  EXPECT_FALSE(completion(R"({"prompt":"a"})")->generations[0].options.echo);
  EXPECT_TRUE(completion(R"({"prompt":"a","echo":true})")->generations[0].options.echo);
}

TEST(Call, PromptsAreTextsOrTokens) {
  const auto texts = completion(R"({"prompt":["a","b"],"n":2})");
  ASSERT_TRUE(texts);
  EXPECT_EQ(texts->generations.size(), 2u);
  EXPECT_EQ(texts->answers(), 4u);
  EXPECT_EQ(std::get<std::string>(texts->generations[1].prompt), "b");
  EXPECT_EQ(texts->generations[1].options.tokens_max, 16u);
  const auto tokens = completion(R"({"prompt":[1,2,3],"max_tokens":-1})");
  ASSERT_TRUE(tokens);
  EXPECT_EQ(std::get<std::vector<model::TokenId>>(tokens->generations[0].prompt),
            (std::vector<model::TokenId>{1, 2, 3}));
  EXPECT_EQ(tokens->generations[0].options.tokens_max, 0u);
  const auto lists = completion(R"({"prompt":[[1],[2,3]]})");
  ASSERT_TRUE(lists);
  EXPECT_EQ(lists->generations.size(), 2u);
  expect_refused(completion(R"({})"), "prompt", "is missing");
  expect_refused(completion(R"({"prompt":[]})"), "prompt", "empty array");
  expect_refused(completion(R"({"prompt":[1,"a"]})"), "prompt", "token ids alone");
  expect_refused(completion(R"({"prompt":[-1]})"), "prompt", "no token id");
  expect_refused(completion(R"({"prompt":[4294967296]})"), "prompt", "no token id");
  expect_refused(completion(R"({"prompt":["a",[]]})"), "prompt[1]", "an empty array");
}

TEST(Call, JsonIsRefusedBeforeItIsBuilt) {
  expect_refused(chat(""), "", "is empty");
  expect_refused(chat("[]"), "", "must be an object, and is an array");
  expect_refused(chat("{\"a\":"), "", "line 1, column 6");
  expect_refused(chat("\"" + std::string(1 << 20, 'x')), "", "not the JSON");
  expect_refused(chat("{\"a\":\"\xff\"}"), "", "UTF-8");
  expect_refused(chat(R"({"a":"\ud800"})"), "", "surrogate");
  expect_refused(chat(R"({"a":1e999})"), "", "number overflow");
  expect_refused(chat(R"({"a":)" + std::string(1 << 20, '[')), "", "nested deeper than 64 levels");
  expect_refused(chat(R"({"a":)" + std::string(63, '[') + std::string(63, ']') + "}"), "messages", "is missing");
  std::string many = R"({"a":[0)";
  for (int i = 0; i < 1 << 20; ++i) many += ",0";
  expect_refused(chat(many + "]}"), "", "more than 1,048,576 values", 413);
  std::string keys = R"({"a":1)";
  for (int i = 0; i < 20'000; ++i) keys += std::format(R"(,"{}":1)", i);
  expect_refused(chat(keys + "}"), "", "too many keys", 413);
}

}  // namespace
}  // namespace exogpu::api
