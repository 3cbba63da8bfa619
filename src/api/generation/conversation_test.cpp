#include "api/generation/conversation.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

Conversation weather() {
  Conversation chat;
  chat.messages = {{.role = "system", .text = "be brief"},
                   {.role = "user", .text = "Is it raining?"},
                   {.role = "assistant",
                    .text = "",
                    .reasoning = "I must look.",
                    .calls = {{.id = "c1", .name = "weather", .arguments = R"({"town":"Rivertown"})"}}},
                   {.role = "tool", .text = "sunny", .call_id = "c1", .name = "weather"}};
  chat.tools = {Tool::function("weather", "of a town", {{"type", "object"}}), Tool::function("time", "", nullptr)};
  return chat;
}

TEST(Conversation, BecomesWhatTemplatesKnow) {
  const model::ChatRequest prompt = to_prompt(weather());
  EXPECT_EQ(prompt.messages_json,
            R"([{"role":"system","content":"be brief"},{"role":"user","content":"Is it raining?"},)"
            R"({"role":"assistant","content":"","reasoning_content":"I must look.","tool_calls":[{"id":"c1",)"
            R"("type":"function","function":{"name":"weather","arguments":"{\"town\":\"Rivertown\"}"}}]},)"
            R"({"role":"tool","content":"sunny","tool_call_id":"c1","name":"weather"}])");
  EXPECT_EQ(prompt.tools_json, R"([{"type":"function","function":{"name":"weather","description":"of a town",)"
                               R"("parameters":{"type":"object"}}},{"type":"function","function":{"name":"time"}}])");
  EXPECT_EQ(prompt.answer_so_far, "");
  EXPECT_EQ(prompt.extra_json, "");
}

TEST(Conversation, NoToolsAreShownWhenNoneMayBeUsed) {
  Conversation chat = weather();
  chat.tool_choice.kind = ToolChoice::Kind::none;
  EXPECT_EQ(to_prompt(chat).tools_json, "");
}

TEST(Conversation, ACallThatMustBeMadeIsOneOfTheTools) {
  Conversation chat = weather();
  EXPECT_TRUE(check_tool_choice(chat));
  EXPECT_FALSE(to_prompt(chat).must_call);
  chat.tool_choice.kind = ToolChoice::Kind::required;
  EXPECT_TRUE(check_tool_choice(chat));
  EXPECT_TRUE(to_prompt(chat).must_call);
  EXPECT_EQ(to_prompt(chat).calls_max, UINT32_MAX);
  chat.tool_choice = {.kind = ToolChoice::Kind::named, .name = "time"};
  EXPECT_TRUE(check_tool_choice(chat));
  EXPECT_EQ(to_prompt(chat).must_call_name, "time");
  EXPECT_EQ(to_prompt(chat).calls_max, 1u);
  chat.tool_choice.name = "date";
  EXPECT_FALSE(check_tool_choice(chat));
  chat.tools.clear();
  chat.tool_choice = {.kind = ToolChoice::Kind::required};
  ASSERT_FALSE(check_tool_choice(chat));
  EXPECT_EQ(check_tool_choice(chat).error().param, "tool_choice");
}

TEST(Conversation, TheLastTextOfTheAssistantIsContinued) {
  Conversation chat{.messages = {{.role = "user", .text = "hi"}, {.role = "assistant", .text = "He"}}};
  EXPECT_EQ(to_prompt(chat).answer_so_far, "He");
  chat.continue_final_message = false;
  EXPECT_EQ(to_prompt(chat).answer_so_far, "");
}

TEST(Conversation, FurtherFieldsReachTheTemplateAndReplaceNothing) {
  Conversation chat{.messages = {{.role = "user", .text = "hi", .more = {{"content", "forged"}, {"mood", "calm"}}}}};
  EXPECT_EQ(to_prompt(chat).messages_json, R"([{"role":"user","content":"hi","mood":"calm"}])");
}

}  // namespace
}  // namespace exogpu::api
