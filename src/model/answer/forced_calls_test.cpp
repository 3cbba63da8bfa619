#include "model/answer/forced_calls.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/answer/testing/joined_pieces.h"

namespace exogpu::model {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kTwoTools = R"([
  {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {"town": {"type": "string"}}}}},
  {"type": "function", "function": {"name": "time"}}])";

TEST(ForcedCalls, EveryFormIsOneThatTheParserReads) {
  for (const char* form_marks :
       {"", "<tool_call>", "[TOOL_CALLS]", "<｜tool▁calls▁begin｜>", "<|tool_calls_section_begin|>", "<|tool_call|>",
        "<|python_tag|>", ">>>all", "<|channel|><|message|>"}) {
    const AnswerForm form = AnswerForm::of(form_marks);
    const Json tag = Json::parse(structural_tag(form, {.tools_json = kTwoTools}).value());
    ASSERT_EQ(tag["structures"].size(), 2u);
    const Json& first = tag["structures"][0];
    EXPECT_EQ(first["schema"]["properties"]["town"]["type"], "string");
    const std::string answer = first["begin"].get<std::string>() + R"({"town": "A"})" + first["end"].get<std::string>();
    const auto pieces = testing::parsed({.form = form, .tools = tool_shapes(kTwoTools)}, {answer});
    ASSERT_EQ(pieces.size(), 2u) << form_marks;
    EXPECT_EQ(pieces[0].kind, AnswerPiece::Kind::call) << form_marks;
    EXPECT_EQ(pieces[0].text, "weather") << form_marks;
    EXPECT_EQ(pieces[1].text, R"({"town": "A"})") << form_marks;
    if (tag["stop_after_first"] == true) continue;
    const std::string two = answer + tag["separator"].get<std::string>() + answer;
    EXPECT_EQ(testing::parsed({.form = form, .tools = tool_shapes(kTwoTools)}, {two}).size(), 4u) << form_marks;
  }
}

TEST(ForcedCalls, ANamedToolIsTheOnlyOne) {
  const Json tag = Json::parse(structural_tag({}, {.tools_json = kTwoTools, .name = "time", .one = true}).value());
  ASSERT_EQ(tag["structures"].size(), 1u);
  EXPECT_TRUE(tag["structures"][0]["begin"].get<std::string>().contains("time"));
  EXPECT_EQ(tag["stop_after_first"], true);
  const auto unknown = structural_tag({}, {.tools_json = kTwoTools, .name = "no such tool"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
  EXPECT_FALSE(structural_tag({}, {.tools_json = "[1, {}]"}));
}

}  // namespace
}  // namespace exogpu::model
