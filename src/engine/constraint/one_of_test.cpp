#include "engine/constraint/one_of.h"

#include <gtest/gtest.h>

#include <format>

namespace exogpu::engine {
namespace {

bool disjoint(const char* schema) { return alternatives_are_disjoint(nlohmann::json::parse(schema)); }

TEST(OneOf, AlternativesOfDifferentTypesOrConstantsAreDisjoint) {
  EXPECT_TRUE(disjoint(R"({"oneOf": [{"type": "string"}, {"type": "null"}, {"type": ["integer", "boolean"]}]})"));
  EXPECT_TRUE(disjoint(R"({"oneOf": [{"const": 1}, {"enum": ["a", 2]}, {"type": "object"}]})"));
  EXPECT_TRUE(disjoint(R"({"type": "object"})"));
  EXPECT_FALSE(disjoint(R"({"oneOf": [{"type": "integer"}, {"type": "number"}]})"));
  EXPECT_FALSE(disjoint(R"({"oneOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]})"));
  EXPECT_FALSE(disjoint(R"({"oneOf": [{"type": "string"}, {}]})"));
  EXPECT_FALSE(disjoint(R"({"oneOf": [{"type": "string", "maxLength": 3}, {"type": "string", "minLength": 3}]})"));
  EXPECT_FALSE(disjoint(R"({"properties": {"x": {"items": {"oneOf": [{"type": "null"}, {"const": null}]}}}})"));
}

// As Pydantic writes unions with a discriminator.
TEST(OneOf, ARequiredPropertyTellsObjectsApart) {
  const auto shapes = [](const char* kind, const char* required) {
    return std::format(R"({{"$defs": {{
        "circle": {{"type": "object", "properties": {{"kind": {{"const": "circle"}}}}, "required": ["kind"]}},
        "square": {{"type": "object", "properties": {{"kind": {{"const": "{}", "type": "string"}}}}, "required": [{}]}}}},
        "oneOf": [{{"$ref": "#/$defs/circle"}}, {{"$ref": "#/$defs/square"}}]}})",
                       kind, required);
  };
  EXPECT_TRUE(disjoint(shapes("square", R"("kind")").c_str()));
  EXPECT_TRUE(disjoint(shapes("square", "").c_str()));  // the circle needs it
  EXPECT_FALSE(disjoint(shapes("circle", R"("kind")").c_str()));
}

TEST(OneOf, WhatCannotBeToldIsNotDisjoint) {
  EXPECT_FALSE(disjoint(R"({"oneOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]})"));
  EXPECT_FALSE(disjoint(R"({"oneOf": [{"$ref": "#"}, {"type": "null"}]})"));
  EXPECT_FALSE(disjoint(R"({"$defs": {"a": {"$ref": "#/$defs/a"}}, "oneOf": [{"$ref": "#/$defs/a"}, {"const": 1}]})"));
  EXPECT_FALSE(disjoint(R"({"oneOf": [true, {"type": "null"}]})"));
  EXPECT_FALSE(disjoint(R"({"oneOf": [{"anyOf": [{"type": "null"}, {"type": "string"}]}, {"type": "string"}]})"));
  EXPECT_TRUE(disjoint(R"({"oneOf": [{"anyOf": [{"type": "null"}, {"type": "string"}]}, {"type": "object"}]})"));
}

}  // namespace
}  // namespace exogpu::engine
