#include "api/generation/response_form.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

using wire::ConstraintKind;

Parsed<std::optional<wire::Constraint>> form_of(std::string_view body) {
  const auto object = nlohmann::ordered_json::parse(body);
  return read_form(Fields(object));
}

void expect_form(std::string_view body, ConstraintKind kind, std::string_view text) {
  SCOPED_TRACE(body);
  const auto form = form_of(body);
  ASSERT_TRUE(form) << form.error().message;
  ASSERT_TRUE(*form);
  EXPECT_EQ((*form)->kind, kind);
  EXPECT_EQ((*form)->text, text);
}

void expect_refused(std::string_view body, std::string_view param, std::string_view words) {
  SCOPED_TRACE(body);
  const auto form = form_of(body);
  ASSERT_FALSE(form);
  EXPECT_EQ(form.error().param, param);
  EXPECT_EQ(form.error().status, 400U);
  EXPECT_NE(form.error().message.find(words), std::string::npos) << form.error().message;
}

TEST(ResponseForm, AFreeTextHasNone) {
  for (const char* body :
       {"{}", R"({"response_format": null})", R"({"response_format": {"type": "text"}})", R"({"response_format": []})",
        R"({"structured_outputs": {"json": null}})", R"({"grammar": ""})", R"({"guided_json": null, "regex": null})"}) {
    const auto form = form_of(body);
    ASSERT_TRUE(form) << body;
    EXPECT_FALSE(*form) << body;
  }
}

TEST(ResponseForm, EveryNameOfASchema) {
  const auto schema = ConstraintKind::json_schema;
  expect_form(R"({"response_format": {"type": "json_object"}})", schema, R"({"type":"object"})");
  expect_form(R"({"response_format": {"type": "json_object", "schema": {"type": "array"}}})", schema,
              R"({"type":"array"})");
  expect_form(R"({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "strict": true,
              "schema": {"z": 1, "a": 2}}}})",
              schema, R"({"z":1,"a":2})");
  expect_form(R"({"response_format": {"type": "json_schema", "schema": {}}})", schema, "{}");
  for (const char* name : {"json_schema", "guided_json"}) {
    expect_form(std::format(R"({{"{}": {{"type": "null"}}}})", name), schema, R"({"type":"null"})");
    expect_form(std::format(R"({{"{}": "{{}}"}})", name), schema, "{}");
  }
  expect_form(R"({"structured_outputs": {"json": {"type": "null"}, "regex": null}})", schema, R"({"type":"null"})");
}

TEST(ResponseForm, OtherForms) {
  expect_form(R"({"regex": "[ab]"})", ConstraintKind::regex, "[ab]");
  expect_form(R"({"guided_regex": "[ab]"})", ConstraintKind::regex, "[ab]");
  expect_form(R"({"structured_outputs": {"regex": "[ab]"}})", ConstraintKind::regex, "[ab]");
  for (const char* name : {"grammar", "ebnf", "guided_grammar"}) {
    expect_form(std::format(R"({{"{}": "root ::= x"}})", name), ConstraintKind::gbnf, "root ::= x");
  }
  expect_form(R"({"structured_outputs": {"grammar": "root ::= x"}})", ConstraintKind::gbnf, "root ::= x");
  expect_form(R"({"guided_choice": ["yes", "no \"\n"]})", ConstraintKind::lark, "start: \"yes\" | \"no \\\"\\n\"\n");
  expect_form(R"({"response_format": {"type": "structural_tag", "structures": []}})", ConstraintKind::structural_tag,
              R"({"type":"structural_tag","structures":[]})");
}

TEST(ResponseForm, WhatCannotBeDoneIsNamed) {
  expect_refused(R"({"response_format": "json"})", "response_format", "must be an object");
  expect_refused(R"({"response_format": {"type": "xml"}})", "response_format", "has the type \"xml\"");
  expect_refused(R"({"response_format": {"type": "json_schema"}})", "response_format.json_schema", "with the schema");
  expect_refused(R"({"response_format": {"type": "json_schema", "json_schema": {"schema": 5}}})",
                 "response_format.json_schema.schema", "a JSON schema");
  expect_refused(R"({"regex": 5})", "regex", "must be a string");
  expect_refused(R"({"guided_choice": []})", "guided_choice", "1 to");
  expect_refused(R"({"guided_choice": [1]})", "guided_choice", "texts");
  expect_refused(R"({"structured_outputs": {"whitespace_pattern": "x"}})", "structured_outputs.whitespace_pattern",
                 "not supported");
  expect_refused(R"({"regex": "a", "response_format": {"type": "json_object"}})", "regex", "combined");
  expect_refused(std::format(R"({{"regex": "{}"}})", std::string(300 * 1024, 'a')), "regex", "262144 is the most");
}

}  // namespace
}  // namespace exogpu::api
