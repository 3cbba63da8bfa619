#include "cli/chat/slash_command.h"

#include <gtest/gtest.h>

namespace exogpu::cli {
namespace {

template <typename T>
T parsed(std::string_view text) {
  auto input = parse_input(text);
  if (!input) throw std::runtime_error(input.error().message);
  return std::get<T>(*input);
}

void expect_refused(std::string_view text, std::string_view words) {
  auto input = parse_input(text);
  ASSERT_FALSE(input) << text;
  EXPECT_EQ(input.error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(input.error().message.contains(words)) << input.error().message;
}

TEST(SlashCommand, EverythingElseIsAMessageAsItWasTyped) {
  EXPECT_EQ(parsed<SendMessage>("hello").text, "hello");
  EXPECT_EQ(parsed<SendMessage>("  two\n lines \n").text, "  two\n lines \n");
  EXPECT_EQ(parsed<SendMessage>(" /help").text, " /help");
  EXPECT_EQ(parsed<SendMessage>("//etc/passwd?").text, "/etc/passwd?");
  for (const char* blank : {"", " ", "\n\t "}) EXPECT_NO_THROW(parsed<Nothing>(blank));
}

TEST(SlashCommand, KnowsItsCommands) {
  EXPECT_NO_THROW(parsed<ShowHelp>("/help"));
  EXPECT_NO_THROW(parsed<ShowHelp>("/?"));
  EXPECT_NO_THROW(parsed<Clear>("/clear  "));
  EXPECT_NO_THROW(parsed<ShowStats>("/stats"));
  for (const char* leave : {"/exit", "/quit", "/bye"}) EXPECT_NO_THROW(parsed<Leave>(leave));
}

TEST(SlashCommand, ReadsArguments) {
  EXPECT_EQ(parsed<System>("/system").text, std::nullopt);
  EXPECT_EQ(parsed<System>("/system -").text, "");
  EXPECT_EQ(parsed<System>("/system  Be brief.\nAlways. ").text, "Be brief.\nAlways.");
  EXPECT_EQ(parsed<Set>("/set").name, "");
  EXPECT_EQ(parsed<Set>("/set top_p").name, "top_p");
  EXPECT_EQ(parsed<Set>("/set top_p").value, "");
  EXPECT_EQ(parsed<Set>("/set  temperature\t 0.7 ").value, "0.7");
  EXPECT_EQ(parsed<Save>("/save a file.txt").path, "a file.txt");
}

TEST(SlashCommand, RefusesWhatItDoesNotKnow) {
  expect_refused("/frobnicate now", "/frobnicate: no such command");
  expect_refused("/", "/help lists all");
  expect_refused("/usr/bin/env", "two slashes");
  expect_refused("/sy", "did you mean /system?");
  expect_refused("/s", "did you mean /system /set /stats /save?");
  expect_refused("/clear all", "takes no argument");
  expect_refused("/save", "file name");
}

TEST(SlashCommand, EveryListedCommandIsKnown) {
  for (const SlashCommand& command : slash_commands()) {
    auto input = parse_input(std::string(command.name) + (command.arguments == "FILE" ? " x" : ""));
    EXPECT_TRUE(input) << command.name;
    EXPECT_FALSE(command.help.empty());
  }
}

}  // namespace
}  // namespace exogpu::cli
