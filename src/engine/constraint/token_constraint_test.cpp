#include "engine/constraint/token_constraint.h"

#include <gtest/gtest.h>

#include <chrono>
#include <format>
#include <nlohmann/json.hpp>

#include "base/testing/expect.h"
#include "engine/sampler.h"
#include "engine/testing/constrained_walk.h"
#include "engine/testing/tiny.h"

namespace exogpu::engine {
namespace {

using namespace testing;
using nlohmann::json;
using wire::ConstraintKind;

constexpr const char* kPerson = R"({"type": "object", "properties": {"name": {"type": "string", "maxLength": 20},
  "age": {"type": "integer", "minimum": 0, "maximum": 150}, "tags": {"type": "array", "items": {"enum": ["a", "b"]},
  "maxItems": 3}}, "required": ["name", "age"], "additionalProperties": false})";

class Constrained : public ::testing::Test {
 protected:
  Result<TokenConstraint> compile(ConstraintKind kind, std::string text) {
    return vocabulary->compile({.kind = kind, .text = std::move(text)});
  }
  TokenConstraint schema(const std::string& text) { return compile(ConstraintKind::json_schema, text).value(); }
  void expect_refused(ConstraintKind kind, const std::string& text, std::string_view words) {
    SCOPED_TRACE(text.substr(0, 100));
    exogpu::testing::expect_error(compile(kind, text), ErrorCode::invalid_argument, words);
  }
  // Whether exactly this text can be written, token by token, and end then.
  bool accepts(const TokenConstraint& begin, const std::string& text) {
    TokenConstraint constraint = begin;
    for (const model::TokenId token : tokenizer.encode(text, {.add_special = false, .parse_special = true})) {
      const auto mask = constraint.mask();
      if (!mask || !allows(*mask, token)) return false;
      EXPECT_TRUE(constraint.accept(token));
    }
    return constraint.may_end();
  }

  TinyFile file{"qwen3"};
  model::Tokenizer tokenizer = model::Tokenizer::load(file.gguf()).value();
  std::shared_ptr<ConstraintVocabulary> vocabulary = ConstraintVocabulary::of(tokenizer).value();
};

TEST_F(Constrained, RandomTextsAreWhatTheSchemaSays) {
  const TokenConstraint person = schema(kPerson);
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Walk walk = random_walk(person, tokenizer, seed, 60);
    SCOPED_TRACE(walk.text);
    ASSERT_TRUE(walk.ended);
    const json parsed = json::parse(walk.text, nullptr, false);
    ASSERT_TRUE(parsed.is_object());
    EXPECT_TRUE(parsed.at("name").is_string());
    EXPECT_TRUE(parsed.at("age").is_number_integer());
    EXPECT_LE(parsed.at("age").get<int>(), 150);
    for (const auto& [key, value] : parsed.items()) EXPECT_TRUE(key == "name" || key == "age" || key == "tags") << key;
  }
}

TEST_F(Constrained, TheMaskIsWhatIsAccepted) {
  TokenConstraint constraint = schema(kPerson);
  for (const model::TokenId next :
       tokenizer.encode(R"({"name": "An)", {.add_special = false, .parse_special = false})) {
    const auto allowed = allowed_tokens(constraint, tokenizer);
    for (uint32_t i = 0; i < tokenizer.size(); i += 7) {
      const auto token = static_cast<model::TokenId>(i);
      TokenConstraint copy = constraint;
      EXPECT_EQ(copy.accept(token).has_value(), std::ranges::contains(allowed, token)) << i;
    }
    ASSERT_TRUE(constraint.accept(next));
  }
}

TEST_F(Constrained, ATextEndsExactlyWhereItMay) {
  const TokenConstraint constraint = compile(ConstraintKind::regex, "ab?").value();
  TokenConstraint text = constraint;
  EXPECT_FALSE(text.may_end());
  ASSERT_TRUE(text.accept(tokenizer.encode("a", {.add_special = false}).front()));
  EXPECT_TRUE(text.may_end());
  ASSERT_TRUE(text.accept(tokenizer.encode("b", {.add_special = false}).front()));
  // Nothing but the end may follow, and it may follow again: a sampler asks once more than there are tokens.
  const auto last = allowed_tokens(text, tokenizer);
  ASSERT_FALSE(last.empty());
  for (const model::TokenId token : last) EXPECT_TRUE(tokenizer.is_end(token)) << token;
  ASSERT_TRUE(text.accept(last.front()));
  EXPECT_EQ(allowed_tokens(text, tokenizer), last);
}

TEST_F(Constrained, SpecialTokensAreNoText) {
  TokenConstraint constraint = compile(ConstraintKind::regex, "(?s:.*)").value();
  const auto allowed = allowed_tokens(constraint, tokenizer);
  size_t special = 0;
  for (const model::TokenId token : allowed) {
    if (tokenizer.is_end(token)) continue;
    EXPECT_FALSE(tokenizer.is_special(token)) << tokenizer.piece(token, true);
    ++special;
  }
  EXPECT_GT(special, 100U);  // bytes that begin a character, and words
}

TEST_F(Constrained, AStateIsRebuiltFromItsTokens) {
  const TokenConstraint person = schema(kPerson);
  const Walk walk = random_walk(person, tokenizer, 7, 40);
  TokenConstraint first = person;
  for (size_t i = 0; i < walk.tokens.size(); ++i) {
    TokenConstraint again = person;
    for (size_t j = 0; j < i; ++j) ASSERT_TRUE(again.accept(walk.tokens[j]));
    EXPECT_EQ(allowed_tokens(again, tokenizer), allowed_tokens(first, tokenizer)) << i;
    ASSERT_TRUE(first.accept(walk.tokens[i]));
  }
}

TEST_F(Constrained, WhiteSpaceEndsByItself) {
  const TokenConstraint constraint = schema("{}");
  EXPECT_TRUE(accepts(constraint, "[ 1,\n\n\t\t2 ]"));
  EXPECT_FALSE(accepts(constraint, "[  1]"));
  EXPECT_FALSE(accepts(constraint, "[" + std::string(100, '\n') + "]"));
}

TEST_F(Constrained, DatesAreDaysOfTheCalendar) {
  const TokenConstraint date = schema(R"({"type": "string", "format": "date"})");
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (const int year : {0, 1, 400, 1900, 2023, 2024, 12024}) {
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    for (int month = 0; month <= 13; ++month) {
      for (const int day : {0, 1, 28, 29, 30, 31, 32}) {
        const bool exists = year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
                            day <= kDays[month - 1] + (leap && month == 2 ? 1 : 0);
        const std::string text = std::format(R"("{:04}-{:02}-{:02}")", year, month, day);
        EXPECT_EQ(accepts(date, text), exists) << text;
      }
    }
  }
  const TokenConstraint time = schema(R"({"type": "string", "format": "date-time"})");
  for (const char* text : {R"("2024-02-29T23:59:59Z")", R"("2024-12-31t00:00:00.123+05:30")"}) {
    EXPECT_TRUE(accepts(time, text)) << text;
  }
  for (const char* text : {R"("2023-02-29T23:59:59Z")", R"("2024-02-28T24:00:00Z")", R"("2024-02-28T23:59:60Z")",
                           R"("2024-02-28T23:59:59")"}) {
    EXPECT_FALSE(accepts(time, text)) << text;
  }
}

TEST_F(Constrained, ASchemaMayNotChangeTheRules) {
  const TokenConstraint constraint =
      schema(R"({"type": "array", "maxItems": 0, "x-guidance": {"lenient": true, "whitespace_flexible": true}})");
  EXPECT_TRUE(accepts(constraint, "[]"));
  EXPECT_FALSE(accepts(constraint, "[   ]"));
  EXPECT_TRUE(accepts(schema("true"), "null"));
}

TEST_F(Constrained, AShortEndIsFoundFromEverywhere) {
  for (const char* text : {kPerson, "{}", R"({"type": "object"})", R"({"type": "string", "format": "email"})",
                           R"({"type": "string", "format": "date-time"})", R"({"type": "string", "format": "ipv4"})",
                           R"({"type": "string", "format": "uri"})", R"({"type": "string", "format": "uuid"})",
                           R"({"type": "string", "pattern": "^[a-f]{3,9}$"})",
                           R"({"$defs": {"n": {"type": "object", "properties": {"v": {"type": "string", "minLength": 3},
                               "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/n"}]}},
                               "required": ["v", "next"], "additionalProperties": false}}, "$ref": "#/$defs/n"})"}) {
    SCOPED_TRACE(text);
    TokenConstraint constraint = schema(text);
    const Walk walk = random_walk(constraint, tokenizer, 3, 60);
    for (const model::TokenId token : walk.tokens) {
      const auto after = constraint.short_end_after(token);
      ASSERT_TRUE(after && *after) << (after ? "no end" : after.error().message);
      const auto before = allowed_tokens(constraint, tokenizer);
      TokenConstraint copy = constraint;
      ASSERT_TRUE(constraint.accept(token));
      EXPECT_EQ(constraint.short_end().value(), *after);
      EXPECT_LT((*after)->size(), 60U);
      EXPECT_EQ(allowed_tokens(copy, tokenizer), before);  // looking for an end leaves the state as it is
      copy = constraint;
      for (const model::TokenId next : **after) {
        EXPECT_FALSE(copy.may_end());
        ASSERT_TRUE(copy.accept(next));
      }
      EXPECT_TRUE(copy.may_end());
    }
  }
  TokenConstraint endless = compile(ConstraintKind::lark, "start: \"x\" start | \"y\" start").value();
  EXPECT_FALSE(endless.short_end().value());
}

TEST_F(Constrained, ASamplerEndsTheTextWithinItsTokens) {
  const TokenConstraint person = schema(kPerson);
  for (uint64_t seed = 0; seed < 30; ++seed) {
    wire::SamplerSettings settings{.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0, .seed = seed};
    Sampler sampler = Sampler::create(settings, tokenizer.size()).value();
    const uint32_t tokens_max = 24 + static_cast<uint32_t>(seed);
    sampler.constrain(person, tokens_max);
    std::string text;
    bool ended = false;
    for (uint32_t i = 0; i < tokens_max && !ended; ++i) {
      std::vector<float> logits(tokenizer.size());
      for (size_t t = 0; t < logits.size(); ++t) logits[t] = static_cast<float>(random_unit(seed, i * 1000 + t));
      const auto choice = sampler.sample(logits);
      ASSERT_TRUE(choice) << choice.error().message;
      EXPECT_EQ(sampler.sample(logits)->token, choice->token);
      sampler.accept(choice->token);
      ended = tokenizer.is_end(choice->token);
      if (!ended) text += tokenizer.piece(choice->token);
    }
    EXPECT_TRUE(ended) << tokens_max << ": " << text;
    EXPECT_TRUE(json::accept(text)) << text;
  }
}

TEST_F(Constrained, StructuresBetweenMarks) {
  const std::string one =
      R"("structures": [{"begin": "<|im_start|>call\n", "schema": {"type": "integer"}, "end": "!"}])";
  const auto forced = compile(ConstraintKind::structural_tag, "{" + one + R"(, "at_least_one": true})").value();
  EXPECT_TRUE(accepts(forced, "<|im_start|>call\n12!"));
  EXPECT_TRUE(accepts(forced, "<|im_start|>call\n12!<|im_start|>call\n1!"));
  EXPECT_FALSE(accepts(forced, ""));
  EXPECT_FALSE(accepts(forced, "x<|im_start|>call\n12!"));
  EXPECT_FALSE(accepts(forced, "<|im_start|>call\nx!"));
  const auto once =
      compile(ConstraintKind::structural_tag, "{" + one + R"(, "at_least_one": true, "stop_after_first": true})")
          .value();
  EXPECT_TRUE(accepts(once, "<|im_start|>call\n12!"));
  EXPECT_FALSE(accepts(once, "<|im_start|>call\n12!<|im_start|>call\n1!"));
  const auto separated = compile(ConstraintKind::structural_tag, "{" + one + R"(, "separator": "; "})").value();
  EXPECT_TRUE(accepts(separated, ""));
  EXPECT_TRUE(accepts(separated, "<|im_start|>call\n12!; <|im_start|>call\n1!"));
  EXPECT_FALSE(accepts(separated, "<|im_start|>call\n12!<|im_start|>call\n1!"));
}

TEST_F(Constrained, FreeTextUntilATrigger) {
  for (const std::string mark : {"<|im_start|>", "<f="}) {  // a special token, and ordinary text
    SCOPED_TRACE(mark);
    const std::string tag = std::format(
        R"({{"structures": [{{"begin": "{0}a>", "schema": {{"type": "integer"}}, "end": "</f>"}},
            {{"begin": "{0}b>", "schema": {{"type": "boolean"}}, "end": "</f>"}}], "triggers": ["{0}"])",
        mark);
    const auto compiled = compile(ConstraintKind::structural_tag, tag + "}");
    ASSERT_TRUE(compiled) << compiled.error().message;
    const TokenConstraint& any = *compiled;
    EXPECT_TRUE(accepts(any, "Hello, <b>you</b>"));
    EXPECT_TRUE(accepts(any, "So: " + mark + "a>5</f> and " + mark + "b>true</f>."));
    EXPECT_FALSE(accepts(any, "So: " + mark + "a>5"));
    EXPECT_FALSE(accepts(any, "So: " + mark + "a>true</f>"));
    EXPECT_FALSE(accepts(any, "So: " + mark + "c>"));
    EXPECT_FALSE(accepts(any, "So: " + mark));
    const auto some =
        compile(ConstraintKind::structural_tag, tag + R"(, "at_least_one": true, "stop_after_first": true})").value();
    EXPECT_FALSE(accepts(some, "Hello"));
    EXPECT_TRUE(accepts(some, "Hello" + mark + "b>false</f>"));
    EXPECT_FALSE(accepts(some, "Hello" + mark + "b>false</f>."));
  }
}

TEST_F(Constrained, WhatIsWrongIsNamed) {
  const auto refused_schema = [&](const std::string& text, std::string_view words) {
    expect_refused(ConstraintKind::json_schema, text, words);
  };
  refused_schema("", "is empty");
  refused_schema("{", "is no JSON");
  refused_schema("[1]", "must be an object or true, and is array");
  refused_schema(R"({"type": "objekt"})", "objekt");
  refused_schema(R"({"type": "array", "uniqueItems": true})", "uniqueItems");
  refused_schema(R"({"type": "string", "format": "phone"})", "phone");
  refused_schema(R"({"type": "string", "pattern": "("})", "(");
  refused_schema(R"({"$ref": "https://example.org/schema.json"})", "example.org");
  refused_schema(R"({"$ref": "#/$defs/none"})", "none");
  refused_schema("false", "must be an object or true, and is boolean");
  refused_schema(R"({"type": "integer", "minimum": 5, "maximum": 4})", "5");
  refused_schema(R"({"properties": {"a": false}, "required": ["a"], "type": "object"})", "a");
  expect_refused(ConstraintKind::regex, "(a", "regular expression");
  expect_refused(ConstraintKind::regex, std::string("a\0b", 3), "zero byte");
  expect_refused(ConstraintKind::lark, "start: nothing", "nothing");
  expect_refused(ConstraintKind::gbnf, "root ::= [a", "line 1: the text ends inside");
  expect_refused(ConstraintKind::structural_tag, "{}", "structures must be an array");
  expect_refused(ConstraintKind::structural_tag, R"({"structures": [{"begin": 1}]})", "begin must be a string");
  expect_refused(ConstraintKind::structural_tag, R"({"structures": [{}], "triggers": ["x"]})", "no trigger");
  expect_refused(ConstraintKind::structural_tag, R"({"structures": [{}], "trigger": ["x"]})",
                 "\"trigger\" is no field");
}

// What would take for ever, or all memory, ends within the library's own limits.
TEST_F(Constrained, HostileConstraintsAreRefusedWithinABound) {
  const auto repeat = [](size_t count, auto item) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += std::string(i == 0 ? "" : ", ") + item(i);
    return out;
  };
  const auto many = [&](size_t count, std::string_view name, std::string_view value) {
    return repeat(count, [&](size_t i) { return std::format(R"("{}{}": {})", name, i, value); });
  };
  // a0 refers to a1, and so on.
  const std::string chain = repeat(999, [](size_t i) {
    return std::format(R"("a{}": {{"type": "array", "items": {{"$ref": "#/$defs/a{}"}}}})", i, i + 1);
  });
  std::string nested = "{}";
  for (int i = 0; i < 500; ++i) nested = std::format(R"({{"items": {}}})", nested);
  const auto json_schema = ConstraintKind::json_schema;
  const std::pair<ConstraintKind, std::string> hostile[] = {
      {json_schema, nested},
      {json_schema, R"({"$ref": "#/$defs/a0", "$defs": {"a999": {}, )" + chain + "}}"},
      {json_schema, std::format(R"({{"properties": {{{}}}}})", many(10'000, "p", "{}"))},
      {json_schema, std::format(R"({{"properties": {{{}}}}})", many(1'000, "p", R"({"pattern": "^(a|b)*c$"})"))},
      {json_schema, std::format(R"({{"enum": [{}]}})", repeat(30'000, [](size_t i) { return std::to_string(i); }))},
      {json_schema,
       std::format(R"({{"allOf": [{}]}})",
                   repeat(20, [](size_t i) { return std::format(R"({{"pattern": "a.{{{}}}b"}})", i + 20); }))},
      {json_schema, std::format(R"({{"allOf": [{}]}})",
                                repeat(6,
                                       [&](size_t i) {
                                         return std::format(
                                             R"({{"anyOf": [{}]}})", repeat(8, [&](size_t j) {
                                               return std::format(
                                                   R"({{"type": "object", "properties": {{"k{}_{}": {{}}}}}})", i, j);
                                             }));
                                       }))},
      {json_schema, R"({"type": "integer", "multipleOf": 62615533})"},
      {json_schema, R"({"allOf": [{"type": "integer", "multipleOf": 97}, {"multipleOf": 89}, {"multipleOf": 83}]})"},
      {json_schema, R"({"type": "number", "multipleOf": 0.0000000001})"},
      {json_schema, R"({"type": "integer", "minimum": 1e300})"},
      {json_schema, R"({"type": "string", "pattern": "^(([a-z]+)+)+[0-9]{1000,100000}$"})"},
      {json_schema, R"({"type": "string", "minLength": 100000000})"},
      {json_schema, R"({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"})"},
      {json_schema, R"({"allOf": [{"$ref": "#"}, {"type": "object"}]})"},
      {json_schema, "{\"const\": \"" + std::string(200'000, 'x') + "\"}"},
      {ConstraintKind::regex, "(((a{1,1000}){1,1000}){1,1000}){1,1000}"},
      {ConstraintKind::regex, std::string(2000, '(') + std::string(2000, ')')},
      {ConstraintKind::regex, repeat(100'000, [](size_t) { return "a?"; })},
      {ConstraintKind::regex, "(.*a.*b.*c.*d.*e.*f.*g.*h.*){3}(.*)*[ab].{20}x"},
      {ConstraintKind::lark, "start: start start | start"},
  };
  for (const auto& [kind, text] : hostile) {
    SCOPED_TRACE(text.substr(0, 80));
    const auto begin = std::chrono::steady_clock::now();
    const auto compiled = compile(kind, text);
    const auto took = std::chrono::steady_clock::now() - begin;
    std::println("{} ms: {}", std::chrono::duration_cast<std::chrono::milliseconds>(took).count(),
                 compiled ? "accepted" : compiled.error().message.substr(0, 160));
    EXPECT_LT(took, std::chrono::seconds(20));
    if (!compiled) {
      EXPECT_EQ(compiled.error().code, ErrorCode::invalid_argument);
    }
  }
}

TEST_F(Constrained, OneVocabularyForOneModel) {
  EXPECT_EQ(ConstraintVocabulary::of(model::Tokenizer::load(file.gguf()).value()).value(), vocabulary);
  const TinyFile other("llama");
  const auto same = ConstraintVocabulary::of(model::Tokenizer::load(other.gguf()).value()).value();
  EXPECT_EQ(same, vocabulary);  // its tokens are the same
}

}  // namespace
}  // namespace exogpu::engine
