#include "api/anthropic/message_writer.h"

#include <gtest/gtest.h>

#include "api/testing/deliveries.h"

namespace exogpu::api::anthropic {
namespace {

using namespace api::testing;
using nlohmann::json;

const AnswerStart kStart{.id = 0xab, .created = 1, .model = "m"};

TEST(MessageWriter, AWholeMessageHasABlockForEachPart) {
  MessageWriter writer(kStart, true);
  const json message = json::parse(collected(writer, deliveries(thought_text_and_calls())));
  EXPECT_EQ(message["id"], "msg_00000000000000ab");
  EXPECT_EQ(message["type"], "message");
  EXPECT_EQ(message["stop_reason"], "tool_use");
  EXPECT_EQ(message["content"], json::parse(R"([
    {"type":"thinking","thinking":"hmm","signature":""},
    {"type":"text","text":"I look"},
    {"type":"tool_use","id":"toolu_00000000000000ab_2","name":"weather","input":{"town":"Ulm"}},
    {"type":"tool_use","id":"own_id","name":"time","input":{}}])"));
  EXPECT_EQ(message["usage"]["input_tokens"], 4);
  EXPECT_EQ(message["usage"]["cache_read_input_tokens"], 3);
  EXPECT_EQ(message["usage"]["output_tokens"], 9);
}

TEST(MessageWriter, EventsBuildTheSameBlocks) {
  MessageWriter writer(kStart, true);
  std::vector<std::string> names;
  json blocks = json::array();
  std::vector<std::string> inputs(4);
  for (const NamedEvent& event : named_events(streamed(writer, deliveries(thought_text_and_calls())))) {
    EXPECT_EQ(event.data["type"], event.name);
    names.push_back(event.name);
    if (event.name == "content_block_start") {
      EXPECT_EQ(event.data["index"], blocks.size());
      blocks.push_back(event.data["content_block"]);
    }
    if (event.name != "content_block_delta") continue;
    const size_t index = event.data["index"];
    const json& delta = event.data["delta"];
    if (delta["type"] == "text_delta") {
      blocks[index]["text"] = blocks[index]["text"].get<std::string>() + delta["text"].get<std::string>();
    } else if (delta["type"] == "thinking_delta") {
      blocks[index]["thinking"] = blocks[index]["thinking"].get<std::string>() + delta["thinking"].get<std::string>();
    } else {
      inputs[index] += delta["partial_json"].get<std::string>();
    }
  }
  for (size_t i : {2, 3}) blocks[i]["input"] = json::parse(inputs[i]);
  MessageWriter whole(kStart, true);
  EXPECT_EQ(blocks, json::parse(collected(whole, deliveries(thought_text_and_calls())))["content"]);
  EXPECT_EQ(names.front(), "message_start");
  EXPECT_EQ(names[names.size() - 3], "content_block_stop");
  EXPECT_EQ(names[names.size() - 2], "message_delta");
  EXPECT_EQ(names.back(), "message_stop");
  EXPECT_EQ(std::ranges::count(names, "content_block_start"), 4);
  EXPECT_EQ(std::ranges::count(names, "content_block_stop"), 4);
}

TEST(MessageWriter, ThinkingThatNobodyAskedForIsLeftOut) {
  MessageWriter writer(kStart, false);
  const json message = json::parse(collected(writer, deliveries(thought_text_and_calls())));
  EXPECT_EQ(message["content"][0], json::parse(R"({"type":"text","text":"I look"})"));
}

TEST(MessageWriter, ReasonsToStop) {
  const auto stopped = [](const engine::GenerateStats& stats) {
    MessageWriter writer(kStart, false);
    return json::parse(collected(writer, {end_of(stats)}));
  };
  EXPECT_EQ(stopped({.reason = engine::FinishReason::length})["stop_reason"], "max_tokens");
  EXPECT_EQ(stopped({.reason = engine::FinishReason::end_of_text})["stop_reason"], "end_turn");
  const json word = stopped({.reason = engine::FinishReason::stop_string, .stop = "END"});
  EXPECT_EQ(word["stop_reason"], "stop_sequence");
  EXPECT_EQ(word["stop_sequence"], "END");
  // The model's own mark.
  EXPECT_EQ(stopped({.reason = engine::FinishReason::stop_string})["stop_reason"], "end_turn");
}

TEST(MessageWriter, ACallThatIsCutOffHasNoInput) {
  MessageWriter writer(kStart, false);
  const json message = json::parse(collected(
      writer, deliveries({{.kind = Piece::Kind::call, .text = "f"}, {.kind = Piece::Kind::arguments, .text = "{\"a"}},
                         engine::FinishReason::length)));
  EXPECT_EQ(message["stop_reason"], "max_tokens");
  EXPECT_EQ(message["content"][0]["input"], json::object());
}

TEST(MessageWriter, AnErrorEndsTheStream) {
  MessageWriter writer(kStart, false);
  auto all = deliveries({{.kind = Piece::Kind::text, .text = "a"}});
  all.back() = {};
  all.back().error = Error{ErrorCode::unavailable, "unplugged"};
  all.back().ended = true;
  const auto events = named_events(streamed(writer, std::move(all)));
  EXPECT_EQ(events.back().name, "error");
  EXPECT_EQ(events.back().data,
            json::parse(R"({"type":"error","error":{"type":"overloaded_error","message":"unplugged"}})"));
}

}  // namespace
}  // namespace exogpu::api::anthropic
