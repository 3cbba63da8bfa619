#include "base/utf8.h"

#include <gtest/gtest.h>

namespace exogpu {
namespace {

using namespace std::literals;

TEST(Utf8, AcceptsWellFormedText) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("\u00e9 \u20ac \U0001F600 \uFFFF \U0010FFFF"));
  EXPECT_TRUE(is_utf8("\0"sv));
  EXPECT_TRUE(is_utf8("\uD7FF\uE000"));
  EXPECT_EQ(utf8_length("\u20acx"), 3u);
}

TEST(Utf8, RejectsBrokenText) {
  for (std::string_view text :
       {"\x80"sv, "\xC3"sv, "\xC3("sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xE2\x82"sv, "\xE0\x9F\xBF"sv, "\xED\xA0\x80"sv,
        "\xF0\x8F\xBF\xBF"sv, "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "\xFF"sv, "\xF0\x9F\x98"sv}) {
    EXPECT_FALSE(is_utf8(text)) << printable(text);
    EXPECT_FALSE(is_utf8("good "s + std::string(text))) << printable(text);
  }
}

TEST(Utf8, PrintableHidesControlsAndBrokenBytes) {
  EXPECT_EQ(printable("a\n\t\x1b[31m\x7f"), "a\\n\\t\\x1b[31m\\x7f");
  EXPECT_EQ(printable("caf\u00e9"), "caf\u00e9");
  EXPECT_EQ(printable("\xff-\xc3"), "\uFFFD-\uFFFD");
  EXPECT_EQ(printable("\u0085"), "\\x85");
}

}  // namespace
}  // namespace exogpu
