#include "api/generation/shortening.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

Conversation long_chat() {
  Conversation chat;
  chat.messages = {{.role = "system", .text = "be brief"},
                   {.role = "user", .text = "u1"},
                   {.role = "assistant", .text = "", .calls = {{.id = "c", .name = "time", .arguments = "{}"}}},
                   {.role = "tool", .text = "noon", .call_id = "c"},
                   {.role = "assistant", .text = "a1"},
                   {.role = "user", .text = "u2"},
                   {.role = "system", .text = "be kind"},
                   {.role = "assistant", .text = "a2"},
                   {.role = "user", .text = "u3"}};
  chat.tools = {Tool::function("time", "", nullptr)};
  return chat;
}

std::string texts(const node::ShortenedPrompt& shortened) {
  const auto& chat = std::get<model::ChatRequest>(shortened.prompt);
  std::string all;
  for (const auto& message : nlohmann::json::parse(chat.messages_json)) {
    all += message["content"].get<std::string>() + "|";
  }
  return all;
}

TEST(Shortening, TheOldestTurnsGoWholeAndSystemMessagesStay) {
  const auto shorter = shortening(long_chat());
  ASSERT_TRUE(shorter);
  ASSERT_EQ(shorter->turns, 2U);
  const auto one = shorter->without(1), two = shorter->without(2);
  EXPECT_EQ(texts(one), "be brief|u2|be kind|a2|u3|");
  EXPECT_EQ(one.messages_removed, 4U);
  EXPECT_EQ(texts(two), "be brief|be kind|u3|");
  EXPECT_EQ(two.messages_removed, 6U);
  EXPECT_NE(std::get<model::ChatRequest>(two.prompt).tools_json, "");
}

TEST(Shortening, WhatPrecedesTheFirstUserIsATurn) {
  Conversation chat{.messages = {{.role = "assistant", .text = "Hello!"},
                                 {.role = "user", .text = "u1"},
                                 {.role = "assistant", .text = "a1"}}};
  const auto shorter = shortening(chat);
  ASSERT_TRUE(shorter);
  EXPECT_EQ(shorter->turns, 1U);
  EXPECT_EQ(texts(shorter->without(1)), "u1|a1|");
}

TEST(Shortening, ASingleTurnStays) {
  EXPECT_FALSE(shortening({.messages = {{.role = "system", .text = "s"}, {.role = "user", .text = "u"}}}));
}

TEST(Shortening, IsReadFromTheRequestOrTheServersOptions) {
  const auto read = [](std::string_view body, bool otherwise) {
    const auto object = nlohmann::ordered_json::parse(body);
    return read_truncation(Fields(object), {.json = {}, .truncate = otherwise});
  };
  EXPECT_EQ(read("{}", false), false);
  EXPECT_EQ(read("{}", true), true);
  EXPECT_EQ(read(R"({"truncation":"auto"})", false), true);
  EXPECT_EQ(read(R"({"truncation":"disabled"})", true), false);
  EXPECT_EQ(read(R"({"truncation":null})", true), true);
  EXPECT_EQ(read(R"({"truncation":"middle"})", true).error().param, "truncation");
  EXPECT_FALSE(read(R"({"truncation":true})", true));
}

}  // namespace
}  // namespace exogpu::api
