#include <gtest/gtest.h>

#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

TEST_F(Api, TextsBecomeTokensAndTextAgain) {
  EXPECT_EQ(post("/tokenize", {{"content", "ab"}}).json(), json::parse(R"({"tokens":[97,98]})"));
  EXPECT_EQ(post("/tokenize", {{"content", "a"}, {"add_special", true}}).json()["tokens"][0], WordsText::kBos);
  const json pieces = post("/tokenize", {{"content", "a\u00e9"}, {"with_pieces", true}}).json()["tokens"];
  EXPECT_EQ(pieces[0], json::parse(R"({"id":97,"piece":"a"})"));
  EXPECT_EQ(pieces[1], json::parse(R"({"id":195,"piece":[195]})"));  // half a character
  EXPECT_EQ(post("/detokenize", {{"tokens", {97, 98}}}).json(), json::parse(R"({"content":"ab","prompt":"ab"})"));
  EXPECT_EQ(post("/tokenize", {{"prompt", "ab"}, {"add_special_tokens", false}}).json()["tokens"].size(), 2U);
  EXPECT_EQ(post("/tokenize", {{"prompt", "ab"}}).json()["tokens"].size(), 3U);
  EXPECT_EQ(Client(port()).get("/tokenizer_info").json()["chat_template"], "words");
  expect_error(post("/detokenize", {{"tokens", {97, 900}}}), 400, "invalid_value", "token 900");
  expect_error(post("/detokenize", {{"tokens", "ab"}}), 400, "invalid_type", "must be an array of token ids");
  expect_error(post("/tokenize", json::object()), 400, "missing_required_parameter", "content");
  expect_error(post("/tokenize", {{"content", "a"}, {"model", "nope"}}), 404, "model_not_found", "words");
}

TEST_F(Api, ATemplateIsApplied) {
  const json request = {{"messages", {{{"role", "system"}, {"content", "be"}}, {{"role", "user"}, {"content", "hi"}}}}};
  EXPECT_EQ(post("/apply-template", request).json(), json::parse(R"({"prompt":"<system>be<user>hi"})"));
  expect_error(post("/apply-template", {{"messages", json::array()}}), 400, "invalid_value", "messages");
}

TEST_F(Api, PropertiesNameTheModel) {
  const json props = Client(port()).get("/props?model=words").json();
  EXPECT_EQ(props["model_alias"], "words");
  EXPECT_EQ(props["chat_template"], "words");
  EXPECT_EQ(props["default_generation_settings"]["n_ctx"], WordsService::kContext);
  expect_error(Client(port()).get("/props?model=nope"), 404, "model_not_found", "nope");
}

TEST_F(Api, CompletionsInLlamaCppsForm) {
  const json body = {{"prompt", "one two"}, {"n_predict", 3}, {"seed", 1}};
  const json whole = post("/completion", body).json();
  EXPECT_TRUE(whole["content"].get<std::string>().ends_with(" one two")) << whole;
  EXPECT_EQ(whole["stop"], true);
  EXPECT_EQ(whole["stop_type"], "limit");
  EXPECT_EQ(whole["tokens_predicted"], 3);
  EXPECT_EQ(whole["tokens_evaluated"], 2);
  json streamed = body;
  streamed["stream"] = true;
  std::string text;
  const auto events = post("/completion", streamed).events();
  for (const std::string& event : events) text += json::parse(event)["content"].get<std::string>();
  EXPECT_EQ(json(text), whole["content"]);
  EXPECT_EQ(json::parse(events.back())["stop"], true);
  EXPECT_EQ(post("/completion", {{"prompt", {97, 98}}, {"n_predict", 1}}).json()["tokens_evaluated"], 2);
  expect_error(post("/completion", {{"prompt", "x"}, {"structured_outputs", {{"whitespace_pattern", "x"}}}}), 400,
               "unsupported_parameter", "structured_outputs.whitespace_pattern");
  expect_error(post("/completion", {{"prompt", "x"}, {"n_predict", 0}}), 400, "invalid_value", "n_predict");
  expect_error(post("/completion", json::object()), 400, "missing_required_parameter", "prompt");
}

TEST_F(Api, CompletionsListTheirTokens) {
  json body = {{"prompt", {97, 98}}, {"n_predict", 4}, {"return_tokens", true}};
  const json whole = post("/completion", body).json();
  EXPECT_EQ(whole["tokens"].size(), 4U) << whole;
  EXPECT_EQ(service_.last_request().options.sampling.logprobs, 0U);
  body["stream"] = true;
  json streamed = json::array();
  for (const std::string& event : post("/completion", body).events()) {
    const json parsed = json::parse(event);
    for (const json& token : parsed["tokens"]) streamed.push_back(token);
  }
  EXPECT_EQ(streamed, whole["tokens"]);
  body["return_tokens"] = false;
  EXPECT_FALSE(post("/completion", body).json().contains("tokens"));
}

TEST_F(Api, TextsWithAGap) {
  const json body = {{"input_prefix", "def f("},
                     {"input_suffix", "):"},
                     {"prompt", "a"},
                     {"n_predict", 1},
                     {"input_extra", {{{"filename", "b.py"}, {"text", "B"}}}}};
  ASSERT_EQ(post("/infill", body).status, 200);
  const auto request = service_.last_request();
  const auto prompt = std::get<node::InfillPrompt>(request.prompt);
  EXPECT_EQ(prompt.prefix + "|" + prompt.suffix + "|" + prompt.start, "def f(|):|a");
  ASSERT_EQ(prompt.files.size(), 1U);
  EXPECT_EQ(prompt.files[0].name, "b.py");
  expect_error(post("/infill", {{"input_prefix", "x"}}), 400, "missing_required_parameter", "input_suffix");

  const json completion = {{"prompt", "def f("}, {"suffix", "):"}, {"max_tokens", 1}};
  ASSERT_EQ(post(kCompletions, completion).status, 200);
  EXPECT_EQ(std::get<node::InfillPrompt>(service_.last_request().prompt).suffix, "):");
  expect_error(post(kCompletions, {{"prompt", {1, 2}}, {"suffix", "x"}}), 400, "unsupported_parameter", "suffix");
}

}  // namespace
}  // namespace exogpu::api
