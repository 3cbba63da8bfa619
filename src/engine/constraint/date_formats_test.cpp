#include "engine/constraint/date_formats.h"

#include <gtest/gtest.h>

namespace exogpu::engine {
namespace {

using json = nlohmann::json;

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
