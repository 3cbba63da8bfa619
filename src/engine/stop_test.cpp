#include "engine/stop.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace exogpu::engine {
namespace {

StopMatcher matcher(std::vector<std::string> stops) {
  auto made = StopMatcher::create(std::move(stops));
  EXPECT_TRUE(made);
  return *std::move(made);
}

struct Found {
  size_t begin = std::string::npos, end = std::string::npos;
};

// The occurrence with the earliest end, the longest of those.
Found naive_search(const std::string& text, const std::vector<std::string>& stops) {
  Found found;
  for (const std::string& stop : stops) {
    const size_t at = text.find(stop);
    if (at == std::string::npos) continue;
    const size_t end = at + stop.size();
    if (end < found.end || (end == found.end && at < found.begin)) found = {at, end};
  }
  return found;
}

bool begins_a_stop(std::string_view tail, const std::vector<std::string>& stops) {
  return std::ranges::any_of(stops, [&](const std::string& stop) { return stop.starts_with(tail); });
}

rc::Gen<std::string> short_text(int size_max) {
  return rc::gen::mapcat(rc::gen::inRange(1, size_max), [](int n) {
    return rc::gen::container<std::string>(static_cast<size_t>(n), rc::gen::inRange<char>('a', 'd'));
  });
}

TEST(StopMatcher, EqualsANaiveSearchHoweverTheTextIsCut) {
  EXPECT_TRUE(rc::check("stop matcher == naive search", [] {
    const auto stops = *rc::gen::container<std::vector<std::string>>(size_t(*rc::gen::inRange(0, 4)), short_text(6));
    const auto text = *short_text(60);
    const Found found = naive_search(text, stops);
    StopMatcher stop = matcher(stops);
    std::string out;
    size_t at = 0;
    while (at < text.size()) {
      const size_t n = *rc::gen::inRange<size_t>(1, 8);
      out += stop.push(std::string_view(text).substr(at, n));
      out += stop.push("");
      at = std::min(at + n, text.size());
      // Everything that can be let out is let out, and nothing else.
      const std::string so_far = text.substr(0, at);
      const Found complete = naive_search(so_far, stops);
      size_t safe = complete.begin;
      if (complete.begin == std::string::npos) {
        safe = 0;
        while (safe < at && !begins_a_stop(std::string_view(so_far).substr(safe), stops)) ++safe;
      }
      RC_ASSERT(out == so_far.substr(0, safe));
      RC_ASSERT(stop.stopped() == (complete.begin != std::string::npos));
    }
    const std::string rest = stop.flush();
    RC_ASSERT(out + rest == text.substr(0, found.begin));
    if (found.begin != std::string::npos) {
      RC_ASSERT(stops[*stop.matched()] == text.substr(found.begin, found.end - found.begin));
      RC_ASSERT(rest.empty());
      RC_ASSERT(stop.push("aaa").empty());
    }
  }));
}

TEST(StopMatcher, HoldsBackWhatMayBeginAStop) {
  StopMatcher stop = matcher({"</answer>", "\n\n"});
  EXPECT_EQ(stop.push("Hello <"), "Hello ");
  EXPECT_EQ(stop.push("/ans"), "");
  EXPECT_EQ(stop.push("w"), "");
  EXPECT_EQ(stop.push("x\n"), "</answx");
  EXPECT_EQ(stop.push("a</answer>b"), "\na");
  EXPECT_TRUE(stop.stopped());
  EXPECT_EQ(stop.matched(), 0U);
}

TEST(StopMatcher, KeepsCharactersWhole) {
  StopMatcher stop = matcher({"é!"});
  EXPECT_EQ(stop.push("aè"), "aè");  // shares its first byte with é
  EXPECT_EQ(stop.push("é"), "");
  EXPECT_EQ(stop.push("é"), "é");
  EXPECT_EQ(stop.flush(), "é");
  EXPECT_EQ(stop.push("!"), "!");  // what was flushed begins nothing any more
}

TEST(StopMatcher, NoStopsHoldNothing) {
  StopMatcher stop = matcher({});
  EXPECT_EQ(stop.push("text"), "text");
  EXPECT_EQ(stop.flush(), "");
  EXPECT_FALSE(stop.stopped());
}

TEST(StopMatcher, RefusesAnEmptyStop) {
  const auto made = StopMatcher::create({"a", ""});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(made.error().message.find("stop string 1 is empty"), std::string::npos);
}

}  // namespace
}  // namespace exogpu::engine
