#include "cli/chat/screen.h"

#include <gtest/gtest.h>

#include <vector>

namespace exogpu::cli {
namespace {

// The output of a screen for an answer that arrives as `pieces`.
std::string written(Screen::Style style, const std::vector<std::string>& pieces) {
  char* data = nullptr;
  size_t size = 0;
  std::FILE* file = open_memstream(&data, &size);
  {
    Screen screen(file, file, style);
    ThoughtSplitter splitter;
    const auto show = [&](AnswerPart part, std::string_view text) { screen.answer(part, text); };
    for (const std::string& piece : pieces) splitter.feed(piece, show);
    splitter.finish(show);
    screen.end_answer();
  }
  std::fclose(file);
  std::string text(data, size);
  std::free(data);
  return text;
}

constexpr Screen::Style terminal = {.safe = true, .colours = true};

TEST(Screen, DimsThoughtsOnATerminal) {
  EXPECT_EQ(written(terminal, {"<think>\nhm\n", "\nwell\n</think>", "\n", "\nyes\n\nno"}),
            "\033[2mhm\n\nwell\n\033[0m\nyes\n\nno\n");
  EXPECT_EQ(written(terminal, {"<think>hm</think>yes\n"}), "\033[2mhm\033[0m\n\nyes\n");
  EXPECT_EQ(written(terminal, {"<think>\n\n</think>\n\nyes"}), "yes\n");
  EXPECT_EQ(written(terminal, {"<think>cut off"}), "\033[2mcut off\033[0m\n");
  EXPECT_EQ(written(terminal, {"a\n", "\nb\n"}), "a\n\nb\n");
  EXPECT_EQ(written(terminal, {}), "");
}

TEST(Screen, WritesAnAnswerAsItIsElsewhere) {
  EXPECT_EQ(written({}, {"<think>\nhm\n</think>\n\nyes \033[1m\r\n"}), "<think>\nhm\n</think>\n\nyes \033[1m\r\n");
}

TEST(Screen, KeepsTheTerminalSafe) {
  EXPECT_EQ(written(terminal, {"a\033]0;title\007\x7f\tb\r\n\xc2\x9b"
                               "2J é🐈"}),
            "a\\x1b]0;title\\x07\\x7f\tb\n" + terminal_text("\xc2\x9b") + "2J é🐈\n");
  EXPECT_FALSE(terminal_text("\xc2\x9b").contains("\xc2\x9b"));
  EXPECT_EQ(terminal_text("\xff"), "\xef\xbf\xbd");
}

}  // namespace
}  // namespace exogpu::cli
