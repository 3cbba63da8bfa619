#include "engine/constraint/gbnf.h"

#include <gtest/gtest.h>

#include <chrono>
#include <format>

#include "base/testing/expect.h"
#include "engine/constraint/token_constraint.h"
#include "engine/testing/constrained_walk.h"
#include "engine/testing/tiny.h"

namespace exogpu::engine {
namespace {

using namespace testing;

// The grammar of JSON that comes with llama.cpp, in its essence.
constexpr const char* kJson = R"(root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
)";

class GbnfTest : public ::testing::Test {
 protected:
  Result<TokenConstraint> compile(std::string_view text) {
    return vocabulary->compile({.kind = wire::ConstraintKind::gbnf, .text = std::string(text)});
  }
  bool accepts(std::string_view grammar, const std::string& text) {
    auto constraint = compile(grammar);
    EXPECT_TRUE(constraint) << constraint.error().message;
    if (!constraint) return false;
    for (const model::TokenId token : tokenizer.encode(text, {.add_special = false})) {
      const auto mask = constraint->mask();
      if (!mask || !allows(*mask, token)) return false;
      EXPECT_TRUE(constraint->accept(token));
    }
    return constraint->may_end();
  }
  static void expect_refused(std::string_view text, std::string_view words) {
    SCOPED_TRACE(text);
    exogpu::testing::expect_error(parse_gbnf(text), ErrorCode::invalid_argument, words);
  }

  TinyFile file{"qwen3"};
  model::Tokenizer tokenizer = model::Tokenizer::load(file.gguf()).value();
  std::shared_ptr<ConstraintVocabulary> vocabulary = ConstraintVocabulary::of(tokenizer).value();
};

TEST_F(GbnfTest, ReadsWhatLlamaCppReads) {
  EXPECT_TRUE(accepts(kJson, R"({"a": [1, -2.5e3, true, null, {}], "b": {"c": "d\n\u00e9é"}})"));
  EXPECT_FALSE(accepts(kJson, R"([1])"));
  EXPECT_FALSE(accepts(kJson, R"({"a": 01})"));
  EXPECT_FALSE(accepts(kJson, R"({"a": 1,})"));
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Walk walk = random_walk(compile(kJson).value(), tokenizer, seed, 40);
    EXPECT_TRUE(walk.tokens.empty() || walk.text.front() == '{') << walk.text;
  }
}

TEST_F(GbnfTest, EveryKindOfPart) {
  EXPECT_TRUE(accepts("root ::= \"a\\\"\\x41\\u00e9\\n\" [^a-y0-9]\n", "a\"Aé\nz"));
  EXPECT_FALSE(accepts("root ::= [^a-y0-9]", "b"));
  EXPECT_TRUE(accepts("root ::= . \"-\" [a-] [\\]x]", "é--]"));
  EXPECT_TRUE(accepts("root ::= x{2} y{1,} z{0,2}\nx ::= \"x\"\ny ::= \"y\"\nz ::= \"z\"", "xxyyyzz"));
  EXPECT_FALSE(accepts("root ::= x{2}\nx ::= \"x\"", "x"));
  EXPECT_TRUE(accepts("root ::= a |\n  b # or\n  | (c\n d)\na ::= \"a\"\nb ::= \"b\"\nc ::= \"c\"\nd ::= \"d\"", "cd"));
  EXPECT_TRUE(accepts("root ::= (\"a\" | )\n", ""));
  EXPECT_TRUE(accepts("root ::= \"(\" root \")\" | \"x\"\n", "((x))"));
  EXPECT_FALSE(accepts("root ::= \"(\" root \")\" | \"x\"\n", "((x)"));
  EXPECT_TRUE(accepts("root ::= root \"+\" [0-9]+ | [0-9]+\n", "12+3+45"));
}

TEST_F(GbnfTest, WhatIsWrongIsNamedWithItsLine) {
  expect_refused("", "there is no rule \"root\"");
  expect_refused("root ::= \"a\"\n\nx := \"b\"", "line 3: \"::=\" is missing behind \"x\"");
  expect_refused("root ::= x", "the rule \"x\" is used and not defined");
  expect_refused("root ::= \"a\"\nroot ::= \"b\"", "line 2: the rule \"root\" is defined twice");
  expect_refused("root ::= (\"a\"", "\")\" is missing");
  expect_refused("root ::= \"a\" )", "\")\" is not expected here");
  expect_refused("root ::= \"a", "ends inside a literal");
  expect_refused("root ::= [z-a]", "ends before it begins");
  expect_refused("root ::= []", "without characters");
  expect_refused("root ::= \"\\q\"", "is no escape");
  expect_refused("root ::= \"\\ud800\"", "no character");
  expect_refused("root ::= \"\\x4\"", "needs 2 hexadecimal digits");
  expect_refused("root ::= \"\xff\"", "not UTF-8");
  expect_refused("root ::= \"a\"{3,2}", "ends before it begins");
  expect_refused("root ::= \"a\"{,2}", "number of repetitions is missing");
  expect_refused("root ::= \"a\"{99999}", "more than 10000 repetitions");
  expect_refused("root ::= <[5]>", "\"<\" is not expected here");
  expect_refused("root ::= " + std::string(100, '(') + std::string(100, ')'), "parentheses inside each other");
}

TEST_F(GbnfTest, HostileGrammarsEndWithinABound) {
  std::string doubling = "root ::= r0\n";
  for (int i = 0; i < 200; ++i) doubling += std::format("r{} ::= r{} r{}\n", i, i + 1, i + 1);
  doubling += "r200 ::= [ab]";
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 5000; ++i) chain += std::format("r{} ::= \"a\" r{}\n", i, i + 1);
  chain += "r5000 ::= \"b\"";
  for (const std::string& text :
       {doubling, chain, std::string("root ::= root"), std::string("root ::= (([a-z]{0,999}){0,999})*")}) {
    SCOPED_TRACE(text.substr(0, 60));
    const auto begin = std::chrono::steady_clock::now();
    const auto compiled = compile(text);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
    if (!compiled) {
      EXPECT_EQ(compiled.error().code, ErrorCode::invalid_argument) << compiled.error().message;
    }
  }
}

}  // namespace
}  // namespace exogpu::engine
