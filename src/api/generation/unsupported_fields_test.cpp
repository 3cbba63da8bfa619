#include "api/generation/unsupported_fields.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

Parsed<void> refuse(const char* text) {
  const auto object = nlohmann::ordered_json::parse(text);
  return refuse_unsupported_fields(Fields(object));
}

TEST(UnsupportedFields, OneThatMeansSomethingIsRefusedByName) {
  const auto refused = refuse(R"({"min_tokens": 5})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param, "min_tokens");
  EXPECT_EQ(refused.error().code, "unsupported_parameter");
  EXPECT_FALSE(refuse(R"({"stop_token_ids": [1]})"));
  EXPECT_FALSE(refuse(R"({"modalities": ["text", "audio"]})"));
  EXPECT_FALSE(refuse(R"({"web_search_options": {}})"));
}

TEST(UnsupportedFields, OneThatChangesNothingIsTaken) {
  EXPECT_TRUE(refuse(R"({"min_tokens": 0, "stop_token_ids": [], "skip_special_tokens": true, "mirostat": null})"));
  EXPECT_TRUE(refuse(R"({"length_penalty": 1.0, "modalities": ["text"], "unheard_of": 1})"));
}

}  // namespace
}  // namespace exogpu::api
