#include "engine/constraint/date_formats.h"

#include <gtest/gtest.h>

#include <format>
#include <regex>

namespace exogpu::engine {
namespace {

using json = nlohmann::json;

json changed(const std::string& text) { return json::parse(with_date_patterns(text, json::parse(text))); }
std::regex pattern_of(const char* format) {
  const json schema = changed(std::format(R"({{"type": "string", "format": "{}"}})", format));
  return std::regex(schema.at("pattern").get<std::string>());
}

TEST(DateFormats, MatchTheDaysOfTheCalendar) {
  const std::regex pattern = pattern_of("date");
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (const int year : {1, 4, 99, 100, 400, 1900, 2000, 2023, 2024, 9999}) {
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    for (int month = 0; month <= 13; ++month) {
      for (int day = 0; day <= 32; ++day) {
        const bool exists =
            month >= 1 && month <= 12 && day >= 1 && day <= kDays[month - 1] + (leap && month == 2 ? 1 : 0);
        const std::string date = std::format("{:04}-{:02}-{:02}", year, month, day);
        EXPECT_EQ(std::regex_match(date, pattern), exists) << date;
      }
    }
  }
  EXPECT_FALSE(std::regex_match("0000-01-01", pattern));
  EXPECT_FALSE(std::regex_match("12024-01-01", pattern));
}

TEST(DateFormats, MatchTimes) {
  const std::regex pattern = pattern_of("date-time");
  for (const char* time : {"2024-02-29T23:59:59Z", "2024-12-31t00:00:00.123+05:30"}) {
    EXPECT_TRUE(std::regex_match(time, pattern)) << time;
  }
  for (const char* time :
       {"2023-02-29T23:59:59Z", "2024-02-28T24:00:00Z", "2024-02-28T23:59:60Z", "2024-02-28T23:59:59"}) {
    EXPECT_FALSE(std::regex_match(time, pattern)) << time;
  }
}

TEST(DateFormats, NothingElseChanges) {
  for (const char* text :
       {R"({"format" : "email", "maximum": 123456789012345678901234567890})", R"({"const": {"format": "date"}})",
        R"({"enum": [1, {"format": "date"}], "properties": {"a": {"format": "date"}}})",
        R"({"format": "date", "pattern": "^2"})", R"({"properties": {"format": {"type": "string"}}, "title": "date"})",
        R"({"description": "\"format\": \"date\"", "title": "format"})", R"({"required": ["format", "date"]})"}) {
    EXPECT_EQ(with_date_patterns(text, json::parse(text)), text);
  }
  const std::string text =
      R"({"properties": {"format": {"format":"date"}, "x": {"maximum": 123456789012345678901234567890}}, "title": "\\"})";
  const std::string out = with_date_patterns(text, json::parse(text));
  EXPECT_TRUE(out.starts_with(R"({"properties": {"format": {"pattern":"^)")) << out;
  EXPECT_TRUE(out.ends_with(R"($"}, "x": {"maximum": 123456789012345678901234567890}}, "title": "\\"})")) << out;
}

}  // namespace
}  // namespace exogpu::engine
