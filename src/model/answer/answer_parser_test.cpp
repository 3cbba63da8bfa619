#include "model/answer/answer_parser.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "base/testing/source_dir.h"
#include "model/answer/testing/joined_pieces.h"

namespace exogpu::model {
namespace {

using Json = nlohmann::ordered_json;
using testing::parsed;

constexpr const char* kTools = R"([
  {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {
    "town": {"type": "string"}, "days": {"type": "integer"}}}}},
  {"type": "function", "function": {"name": "time"}},
  {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {
    "text": {"type": "string"}, "n": {"type": "array"}}}}}])";

constexpr const char* kKinds[] = {"text", "reasoning", "call", "arguments"};

std::string lines(const std::vector<AnswerPiece>& pieces) {
  std::string out;
  for (const AnswerPiece& piece : pieces) {
    out += std::string(kKinds[static_cast<size_t>(piece.kind)]) + ": " + piece.text;
    if (!piece.call_id.empty()) out += " (" + piece.call_id + ")";
    out += '\n';
  }
  return out;
}

std::string expected(const Json& pieces) {
  std::string out;
  for (const Json& piece : pieces) {
    out += piece[0].get<std::string>() + ": " + piece[1].get<std::string>();
    if (piece.size() > 2) out += " (" + piece[2].get<std::string>() + ")";
    out += '\n';
  }
  return out;
}

struct Transcript {
  std::string name;
  std::string answer;
  AnswerParserOptions options;
  std::string pieces;
};

std::vector<Transcript> transcripts() {
  std::vector<Transcript> all;
  const auto folder = exogpu::testing::source_dir() / "src" / "model" / "answer" / "testdata";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    const Json family = Json::parse(file);
    for (const Json& one : family["cases"]) {
      all.push_back({.name = entry.path().stem().string() + ": " + one["answer"].get<std::string>(),
                     .answer = one["answer"],
                     .options = {.form = AnswerForm::of(family["template"].get<std::string>()),
                                 .tools = tool_shapes(kTools),
                                 .reasoning_close = one.value("reasoning", ""),
                                 .calls_max = one.value("calls_max", UINT32_MAX)},
                     .pieces = expected(one["pieces"])});
    }
  }
  return all;
}

TEST(AnswerParser, ReadsWhatFamiliesWrite) {
  const auto all = transcripts();
  EXPECT_GE(all.size(), 50u);
  for (const Transcript& one : all) EXPECT_EQ(lines(parsed(one.options, {one.answer})), one.pieces) << one.name;
}

TEST(AnswerParser, APieceMayEndAnywhere) {
  for (const Transcript& one : transcripts()) {
    const std::string_view answer = one.answer;
    for (size_t at = 1; at < answer.size(); ++at) {
      EXPECT_EQ(lines(parsed(one.options, {answer.substr(0, at), answer.substr(at)})), one.pieces)
          << one.name << "\nsplit at " << at;
    }
    std::vector<std::string_view> bytes;
    for (size_t at = 0; at < answer.size(); ++at) bytes.push_back(answer.substr(at, 1));
    EXPECT_EQ(lines(parsed(one.options, bytes)), one.pieces) << one.name << "\nbyte by byte";
  }
}

// Marks and parts of calls in any order.
rc::Gen<std::string> any_answer() {
  std::vector<std::string> words = {"{",
                                    "}",
                                    "[",
                                    "]",
                                    "(",
                                    ")",
                                    "\"",
                                    ":",
                                    ",",
                                    "=",
                                    "\n",
                                    " ",
                                    "weather",
                                    "time",
                                    "town",
                                    "\"name\"",
                                    "1",
                                    "\"arguments\"",
                                    "'a'",
                                    "all\n",
                                    "function",
                                    "```json",
                                    "```",
                                    "</function>",
                                    "<parameter=",
                                    "</parameter>",
                                    "<arg_key>",
                                    "</arg_key>",
                                    "<arg_value>",
                                    "</arg_value>",
                                    "{\"name\": \"weather\", \"arguments\": {",
                                    "weather(town='A')",
                                    ">",
                                    "<|message|>",
                                    "<|channel|>",
                                    "<|start|>",
                                    "<|end|>",
                                    "to=functions.time ",
                                    "analysis"};
  for (const MarkPair& marks : kCallMarks)
    words.insert(words.end(), {std::string(marks.open), std::string(marks.close)});
  for (const MarkPair& marks : kReasoningMarks) {
    words.insert(words.end(), {std::string(marks.open), std::string(marks.close)});
  }
  for (const std::string_view mark : kInnerMarks) words.emplace_back(mark);
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(words)),
                      [](const std::vector<std::string>& parts) {
                        std::string text;
                        for (const std::string& part : parts) text += part;
                        return text;
                      });
}

RC_GTEST_PROP(AnswerParser, TheCutDoesNotMatter, ()) {
  const std::string form = *rc::gen::elementOf(std::vector<std::string>{
      "<tool_call> <function=", "[TOOL_CALLS]", "<|python_tag|>", "<｜tool▁calls▁begin｜>", ">>>all",
      "<|tool_call|> <TOOLCALL> <minimax:tool_call>", "<|channel|><|message|>", "nothing"});
  const AnswerParserOptions options{.form = AnswerForm::of(form), .tools = tool_shapes(kTools)};
  const std::string answer = *any_answer();
  const size_t at = *rc::gen::inRange<size_t>(0, answer.size() + 1);
  const std::string_view text = answer;
  const auto whole = lines(parsed(options, {text}));
  RC_ASSERT(lines(parsed(options, {text.substr(0, at), text.substr(at)})) == whole);
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
  RC_ASSERT(lines(parsed(options, bytes)) == whole);
}

TEST(AnswerParser, WithoutToolsMarksOfCallsAreText) {
  const AnswerParserOptions options{.form = AnswerForm::of("<tool_call>")};
  const std::string answer = "<tool_call>{\"name\": \"weather\", \"arguments\": {}}</tool_call> ";
  EXPECT_EQ(lines(parsed(options, {answer})), "text: " + answer + "\n");
}

TEST(AnswerParser, ArgumentsArriveWhileTheyAreWritten) {
  AnswerParser parser({.form = AnswerForm::of("<tool_call>"), .tools = tool_shapes(kTools)});
  std::vector<AnswerPiece> pieces;
  const PieceSink sink = [&](const AnswerPiece& piece) { pieces.push_back(piece); };
  parser.push("<tool_call>{\"name\": \"weather\", \"arguments\": {\"town\": \"Ri", sink);
  EXPECT_EQ(lines(pieces), "call: weather\narguments: {\"town\": \"Ri\n");
  parser.push("ver", sink);
  EXPECT_EQ(pieces.back().text, "ver");
  EXPECT_TRUE(parser.has_calls());
  EXPECT_FALSE(parser.is_full());
}

TEST(AnswerParser, TheAnswerIsFullAfterItsLastCall) {
  AnswerParser parser({.form = AnswerForm::of("<tool_call>"), .tools = tool_shapes(kTools), .calls_max = 1});
  const PieceSink sink = [](const AnswerPiece&) {};
  parser.push("<tool_call>{\"name\": \"time\", \"arguments\": {}", sink);
  EXPECT_FALSE(parser.is_full());
  parser.push("}", sink);
  EXPECT_TRUE(parser.is_full());
}

TEST(AnswerForm, ThePromptMayHaveOpenedTheReasoning) {
  EXPECT_EQ(open_reasoning("<|im_start|>assistant\n<think>\n"), "</think>");
  EXPECT_EQ(open_reasoning("[THINK]"), "[/THINK]");
  EXPECT_EQ(open_reasoning("<think>\n\n</think>\n\n"), "");
  EXPECT_EQ(open_reasoning(""), "");
}

TEST(AnswerForm, MarksAreThoseOfTheTemplate) {
  const AnswerForm form = AnswerForm::of("{{ '[TOOL_CALLS]' }}");
  EXPECT_TRUE(std::ranges::contains(form.marks(true), "[TOOL_CALLS]"));
  EXPECT_TRUE(std::ranges::contains(form.marks(true), "[THINK]"));
  EXPECT_FALSE(std::ranges::contains(form.marks(false), "[TOOL_CALLS]"));
  EXPECT_FALSE(std::ranges::contains(form.marks(true), "<|python_tag|>"));
}

TEST(ToolShape, WhatIsNotUnderstoodIsLeftOut) {
  EXPECT_TRUE(tool_shapes("").empty());
  EXPECT_TRUE(tool_shapes("{}").empty());
  EXPECT_TRUE(tool_shapes(R"([1, {"function": 2}, {"function": {"name": 3}}])").empty());
  const auto shapes =
      tool_shapes(R"([{"function": {"name": "f", "parameters": {"properties": {"a": {"type": "string"}, "b": 1}}}}])");
  ASSERT_EQ(shapes.size(), 1u);
  EXPECT_EQ(shapes[0].types.at("a"), "string");
  EXPECT_FALSE(shapes[0].types.contains("b"));
}

}  // namespace
}  // namespace exogpu::model
