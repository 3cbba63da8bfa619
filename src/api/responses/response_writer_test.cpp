#include "api/responses/response_writer.h"

#include <gtest/gtest.h>

#include "api/testing/deliveries.h"

namespace exogpu::api::responses {
namespace {

using namespace api::testing;
using nlohmann::json;

const AnswerStart kStart{.id = 0xab, .created = 5, .model = "m"};

class ResponseWriterTest : public ::testing::Test {
 protected:
  ResponseWriter writer(AnswerStore* store) {
    return {kStart, {{"store", true}}, {{.role = "user", .text = "hello"}}, store};
  }
  AnswerStore store_{10, 1 * MiB};
};

TEST_F(ResponseWriterTest, AWholeResponseHasAnItemForEachPart) {
  ResponseWriter one = writer(&store_);
  const json response = json::parse(collected(one, deliveries(thought_text_and_calls())));
  EXPECT_EQ(response["id"], "resp_00000000000000ab");
  EXPECT_EQ(response["status"], "completed");
  EXPECT_EQ(response["store"], true);
  ASSERT_EQ(response["output"].size(), 4U);
  EXPECT_EQ(response["output"][0]["content"][0]["text"], "hmm");
  EXPECT_EQ(response["output"][1]["content"][0]["text"], "I look");
  EXPECT_EQ(response["output"][2]["arguments"], R"({"town":"Ulm"})");
  EXPECT_EQ(response["output"][3]["call_id"], "own_id");
  EXPECT_EQ(response["usage"]["input_tokens"], 7);
  EXPECT_EQ(response["usage"]["input_tokens_details"]["cached_tokens"], 3);
  EXPECT_EQ(response["usage"]["total_tokens"], 16);

  const StoredAnswer* stored = store_.find("resp_00000000000000ab");
  ASSERT_NE(stored, nullptr);
  EXPECT_EQ(json::parse(stored->body), response);
  ASSERT_EQ(stored->messages.size(), 2U);
  EXPECT_EQ(stored->messages[1].text, "I look");
  EXPECT_EQ(stored->messages[1].reasoning, "hmm");
  ASSERT_EQ(stored->messages[1].calls.size(), 2U);
  EXPECT_EQ(json(stored->messages[1].calls[0].id), response["output"][2]["call_id"]);
}

TEST_F(ResponseWriterTest, EventsAreNumberedAndEndWithTheWholeResponse) {
  ResponseWriter streaming = writer(nullptr), whole = writer(nullptr);
  const auto events = named_events(streamed(streaming, deliveries(thought_text_and_calls())));
  std::string text, arguments;
  size_t added = 0, done = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].data["type"], events[i].name);
    EXPECT_EQ(events[i].data["sequence_number"], i);
    if (events[i].name == "response.output_text.delta") text += events[i].data["delta"].get<std::string>();
    if (events[i].name == "response.function_call_arguments.delta" && events[i].data["output_index"] == 2) {
      arguments += events[i].data["delta"].get<std::string>();
    }
    added += events[i].name == "response.output_item.added";
    done += events[i].name == "response.output_item.done";
  }
  EXPECT_EQ(text, "I look");
  EXPECT_EQ(arguments, R"({"town":"Ulm"})");
  EXPECT_EQ(added, 4U);
  EXPECT_EQ(done, 4U);
  EXPECT_EQ(events.front().name, "response.created");
  EXPECT_EQ(events.back().name, "response.completed");
  EXPECT_EQ(events.back().data["response"], json::parse(collected(whole, deliveries(thought_text_and_calls()))));
}

TEST_F(ResponseWriterTest, WhatIsCutOffIsIncomplete) {
  ResponseWriter one = writer(&store_);
  const auto events =
      named_events(streamed(one, deliveries({{.kind = Piece::Kind::text, .text = "a"}}, engine::FinishReason::length)));
  EXPECT_EQ(events.back().name, "response.incomplete");
  EXPECT_EQ(events.back().data["response"]["incomplete_details"]["reason"], "max_output_tokens");
  EXPECT_EQ(store_.size(), 1U);
}

TEST_F(ResponseWriterTest, AnErrorIsTheLastEventAndNothingIsStored) {
  ResponseWriter one = writer(&store_);
  auto all = deliveries({{.kind = Piece::Kind::text, .text = "a"}});
  all.back() = {};
  all.back().error = Error{ErrorCode::unavailable, "unplugged"};
  all.back().ended = true;
  const auto events = named_events(streamed(one, std::move(all)));
  EXPECT_EQ(events.back().name, "response.failed");
  EXPECT_EQ(events.back().data["response"]["error"]["message"], "unplugged");
  EXPECT_EQ(store_.size(), 0U);
}

}  // namespace
}  // namespace exogpu::api::responses
