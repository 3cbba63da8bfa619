#include "pipeline/request_server.h"

#include <gtest/gtest.h>

#include "pipeline/continuations.h"

namespace exogpu::pipeline {
namespace {

wire::NodeId node(uint8_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> id{};
  id[0] = number;
  return wire::NodeId(id);
}

class RequestServerTest : public ::testing::Test {
 protected:
  static constexpr wire::PlanEpoch kEpoch{4};

  Result<void> on_generate(uint8_t from, uint64_t number, wire::PlanEpoch epoch = kEpoch) {
    const wire::Generate request{.epoch = epoch, .request = number, .tokens = {1, 2}, .prompt_tokens = 2};
    return server_.on_control(node(from), wire::ControlType::generate, wire::encode(request));
  }
  Driver driver_{kEpoch, {.sequences = 4, .context = 10}, [this](Work work) { begun_.push_back(std::move(work)); }};
  std::vector<Work> begun_;
  std::vector<std::pair<wire::NodeId, wire::Generated>> sent_;
  RequestServer server_{
      {.driver = [this](wire::PlanEpoch epoch) { return epoch == kEpoch ? &driver_ : nullptr; },
       .send = [this](wire::NodeId to, const wire::Generated& message) { sent_.emplace_back(to, message); }}};
};

TEST_F(RequestServerTest, EventsAreSentToTheRequesterUnderItsNumber) {
  ASSERT_TRUE(on_generate(1, 7));
  ASSERT_EQ(begun_.size(), 1U);
  driver_.on_done({.epoch = kEpoch, .number = 1, .tokens = {{.sequence = wire::SeqId(0), .token = 3}}});
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].first, node(1));
  EXPECT_EQ(sent_[0].second.request, 7U);
  EXPECT_EQ(sent_[0].second.tokens.at(0).token, 3);
}

TEST_F(RequestServerTest, ARequestOfAnotherPlanIsSentBackAsInterrupted) {
  ASSERT_TRUE(on_generate(1, 7, wire::PlanEpoch(3)));
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].second.request, 7U);
  EXPECT_TRUE(sent_[0].second.interrupted);
  EXPECT_EQ(sent_[0].second.failure->code, kRingEnded);
  EXPECT_TRUE(driver_.idle());
}

TEST_F(RequestServerTest, ARequestEndsWhenItIsCancelledOrItsRequesterIsLost) {
  ASSERT_TRUE(on_generate(1, 7));
  ASSERT_TRUE(on_generate(2, 7));
  ASSERT_TRUE(on_generate(2, 8));
  ASSERT_TRUE(server_.on_control(node(2), wire::ControlType::generate_cancel,
                                 wire::encode(wire::CancelGenerate{.request = 8})));
  EXPECT_EQ(driver_.scheduler().requests().size(), 2U);
  server_.peer_lost(node(2));
  EXPECT_EQ(driver_.scheduler().requests().size(), 1U);
  server_.peer_lost(node(1));
  EXPECT_TRUE(driver_.idle());
  EXPECT_TRUE(sent_.empty());
}

TEST_F(RequestServerTest, ANumberThatIsSentAgainEndsTheEarlierRequest) {
  ASSERT_TRUE(on_generate(1, 7));
  ASSERT_TRUE(on_generate(1, 7));
  EXPECT_EQ(driver_.scheduler().requests().size(), 1U);
  server_.peer_lost(node(1));
  EXPECT_TRUE(driver_.idle());
}

TEST_F(RequestServerTest, BytesThatAreNoRequestAreAnError) {
  const std::array<std::byte, 3> junk{std::byte{255}, std::byte{255}, std::byte{255}};
  EXPECT_FALSE(server_.on_control(node(1), wire::ControlType::generate, junk));
}

}  // namespace
}  // namespace exogpu::pipeline
