#include "api/ollama/answer_lines.h"

#include <gtest/gtest.h>

#include "api/testing/deliveries.h"

namespace exogpu::api::ollama {
namespace {

using namespace api::testing;
using nlohmann::json;

TEST(AnswerLines, CallsAreWholeAndThoughtsApart) {
  AnswerLines writer(AnswerForm::chat, "m");
  const json answer = json::parse(collected(writer, deliveries(thought_text_and_calls())));
  EXPECT_EQ(answer["message"]["thinking"], "hmm");
  EXPECT_EQ(answer["message"]["content"], "I look");
  EXPECT_EQ(answer["message"]["tool_calls"], json::parse(R"([
    {"function":{"name":"weather","arguments":{"town":"Ulm"}}},{"function":{"name":"time","arguments":{}}}])"));
  EXPECT_EQ(answer["prompt_eval_count"], 7);
  EXPECT_EQ(answer["eval_count"], 9);
}

TEST(AnswerLines, EachLineHasWhatIsNew) {
  AnswerLines writer(AnswerForm::chat, "m");
  const std::string lines = streamed(writer, deliveries(thought_text_and_calls()));
  std::string text, thinking;
  json calls = json::array();
  for (size_t at = 0, end; (end = lines.find('\n', at)) != lines.npos; at = end + 1) {
    const json message = json::parse(lines.substr(at, end - at))["message"];
    text += message["content"].get<std::string>();
    thinking += message.value("thinking", "");
    for (const json& call : message.value("tool_calls", json::array())) calls.push_back(call["function"]["name"]);
  }
  EXPECT_EQ(text, "I look");
  EXPECT_EQ(thinking, "hmm");
  EXPECT_EQ(calls, json::parse(R"(["weather","time"])"));
}

TEST(AnswerLines, ACallThatIsCutOffIsLeftOut) {
  AnswerLines writer(AnswerForm::chat, "m");
  const json answer = json::parse(collected(
      writer, deliveries({{.kind = Piece::Kind::call, .text = "f"}, {.kind = Piece::Kind::arguments, .text = "{\"a"}},
                         engine::FinishReason::length)));
  EXPECT_FALSE(answer["message"].contains("tool_calls"));
  EXPECT_EQ(answer["done_reason"], "length");
}

}  // namespace
}  // namespace exogpu::api::ollama
