#include "cli/chat/input_lines.h"

#include <gtest/gtest.h>

#include <vector>

namespace exogpu::cli {
namespace {

std::string show(const TypedInput& input) { return (input.is_message ? "message " : "") + input.text; }

// The inputs in `lines`, including an incomplete one at the end.
std::vector<std::string> inputs(const std::vector<std::string>& lines) {
  InputLines input;
  std::vector<std::string> all;
  for (const std::string& line : lines) {
    if (auto complete = input.add(line)) all.push_back(show(*complete));
  }
  if (auto rest = input.finish()) all.push_back(show(*rest));
  EXPECT_FALSE(input.is_open());
  return all;
}

using Texts = std::vector<std::string>;

TEST(InputLines, ALineIsAnInput) { EXPECT_EQ(inputs({"a", "", " b "}), (Texts{"a", "", " b "})); }

TEST(InputLines, ABackslashAtTheEndContinues) {
  EXPECT_EQ(inputs({"a\\", "b\\", "c", "d"}), (Texts{"a\nb\nc", "d"}));
  EXPECT_EQ(inputs({"a\\"}), (Texts{"a\n"}));
  EXPECT_EQ(inputs({"C:\\ is a drive"}), (Texts{"C:\\ is a drive"}));
}

TEST(InputLines, QuotationMarksKeepABlockTogether) {
  EXPECT_EQ(inputs({"\"\"\"", "a", "", " b\\", "\"\"\"", "c"}), (Texts{"message a\n\n b\\", "c"}));
  EXPECT_EQ(inputs({"\"\"\"a", "b\"\"\""}), (Texts{"message a\nb"}));
  EXPECT_EQ(inputs({"\"\"\"one line\"\"\""}), (Texts{"message one line"}));
  EXPECT_EQ(inputs({"\"\"\"", "\"\"\""}), (Texts{"message "}));
  EXPECT_EQ(inputs({"\"\"\"", "/help", "never closed"}), (Texts{"message /help\nnever closed\n"}));
  EXPECT_EQ(inputs({"say \"\"\"", "x"}), (Texts{"say \"\"\"", "x"}));
}

TEST(InputLines, KnowsWhetherMoreMustCome) {
  InputLines input;
  EXPECT_FALSE(input.is_open());
  input.add("\"\"\"");
  EXPECT_TRUE(input.is_open());
  input.add("\"\"\"");
  EXPECT_FALSE(input.is_open());
  input.add("x\\");
  EXPECT_TRUE(input.is_open());
}

}  // namespace
}  // namespace exogpu::cli
