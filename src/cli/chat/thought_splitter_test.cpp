#include "cli/chat/thought_splitter.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace exogpu::cli {
namespace {

// "A:" answer, "T:" thought, "#:" tag; adjacent parts of one kind are joined.
std::string split(std::string_view text, size_t step) {
  std::vector<std::pair<AnswerPart, std::string>> parts;
  const ThoughtSplitter::Sink sink = [&](AnswerPart part, std::string_view piece) {
    if (parts.empty() || parts.back().first != part) parts.emplace_back(part, "");
    parts.back().second += piece;
  };
  ThoughtSplitter splitter;
  for (size_t i = 0; i < text.size(); i += step) splitter.feed(text.substr(i, step), sink);
  splitter.finish(sink);
  std::string out;
  for (const auto& [part, piece] : parts) {
    out += std::string(part == AnswerPart::answer ? "A:" : part == AnswerPart::thought ? "T:" : "#:") + piece + "|";
  }
  return out;
}

TEST(ThoughtSplitter, SplitsTheSameHoweverTheTextArrives) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"", ""},
      {"plain", "A:plain|"},
      {"<think>a b</think>\n\nanswer", "#:<think>|T:a b|#:</think>|A:\n\nanswer|"},
      {" \n<think>\n</think>x", "#: \n<think>|T:\n|#:</think>|A:x|"},
      {"<think></think>", "#:<think></think>|"},
      {"<think>a < b </thin k> </</think>c", "#:<think>|T:a < b </thin k> </|#:</think>|A:c|"},
      {"<think>never ends", "#:<think>|T:never ends|"},
      {"<think>cut off </thi", "#:<think>|T:cut off </thi|"},
      {"<thinking>a</think></thinking>b", "#:<thinking>|T:a</think>|#:</thinking>|A:b|"},
      {"[THINK]a[/THINK]b", "#:[THINK]|T:a|#:[/THINK]|A:b|"},
      {"<thin", "A:<thin|"},
      {"<three", "A:<three|"},
      {"say <think>no</think>", "A:say <think>no</think>|"},
      {"<think>a</think>b<think>c</think>", "#:<think>|T:a|#:</think>|A:b<think>c</think>|"},
      {"  \n ", "A:  \n |"},
  };
  for (const auto& [text, expected] : cases) {
    for (size_t step = 1; step <= text.size() + 1; ++step) EXPECT_EQ(split(text, step), expected) << step;
  }
}

TEST(ThoughtSplitter, AnAnswerIsNotHeldBack) {
  ThoughtSplitter splitter;
  std::string got;
  const ThoughtSplitter::Sink sink = [&](AnswerPart, std::string_view piece) { got += piece; };
  splitter.feed("a<", sink);
  EXPECT_EQ(got, "a<");
  splitter.feed("/", sink);
  EXPECT_EQ(got, "a</");
}

}  // namespace
}  // namespace exogpu::cli
