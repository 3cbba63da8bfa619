#include "pipeline/request_server.h"

#include <gtest/gtest.h>

#include "pipeline/continuations.h"
#include "pipeline/testing/request_bench.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;

class RequestServerTest : public ::testing::Test {
 protected:
  explicit RequestServerTest(const ScheduleOptions& options = {.sequences = 4, .context = 10}) : ring_(options) {}

  Result<void> on_generate(uint8_t from, uint64_t number, wire::PlanEpoch epoch = kBenchEpoch) {
    return on_generate(from, bench_request(number, epoch));
  }
  Result<void> on_generate(uint8_t from, const wire::Generate& request) {
    return server_.on_control(bench_node(from), wire::ControlType::generate, wire::encode(request));
  }
  BenchDriver ring_;
  Driver& driver_ = ring_.driver;
  std::vector<std::pair<wire::NodeId, wire::Generated>> sent_, accepted_;
  RequestServer server_{{.driver = [this](wire::PlanEpoch epoch) { return ring_.of(epoch); },
                         .send = [this](wire::NodeId to, const wire::Generated& message) { on_sent(to, message); }}};

 private:
  void on_sent(wire::NodeId to, const wire::Generated& message) {
    const bool accepts = message.tokens.empty() && !message.failure && !message.end;
    (accepts ? accepted_ : sent_).emplace_back(to, message);
  }
};

TEST_F(RequestServerTest, EventsAreSentToTheRequesterUnderItsNumber) {
  ASSERT_TRUE(on_generate(1, 7));
  ASSERT_EQ(ring_.begun.size(), 1U);
  ASSERT_EQ(accepted_.size(), 1U);
  EXPECT_EQ(accepted_[0].first, bench_node(1));
  EXPECT_EQ(accepted_[0].second, wire::Generated{.request = 7});
  ring_.done(1);
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].first, bench_node(1));
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
  ASSERT_TRUE(server_.on_control(bench_node(2), wire::ControlType::generate_cancel,
                                 wire::encode(wire::CancelGenerate{.request = 8})));
  EXPECT_EQ(driver_.scheduler().requests().size(), 2U);
  server_.peer_lost(bench_node(2));
  EXPECT_EQ(driver_.scheduler().requests().size(), 1U);
  server_.peer_lost(bench_node(1));
  EXPECT_TRUE(driver_.idle());
  EXPECT_TRUE(sent_.empty());
}

TEST_F(RequestServerTest, ANumberThatIsSentAgainEndsTheEarlierRequest) {
  ASSERT_TRUE(on_generate(1, 7));
  ASSERT_TRUE(on_generate(1, 7));
  EXPECT_EQ(driver_.scheduler().requests().size(), 1U);
  server_.peer_lost(bench_node(1));
  EXPECT_TRUE(driver_.idle());
}

// One sequence, and room for three that wait.
class FullRequestServerTest : public RequestServerTest {
 protected:
  FullRequestServerTest() : RequestServerTest({.sequences = 1, .context = 10, .waiting_max = 3}) {}

  Result<void> ask(uint64_t number, uint64_t client) {
    wire::Generate request = bench_request(number);
    request.client = wire::ClientId(client);
    request.tokens_max = 1;
    return on_generate(1, request);
  }
};

TEST_F(FullRequestServerTest, ARefusedRequestIsToldItsPlaceInTheQueue) {
  ASSERT_TRUE(ask(1, 1));
  ring_.done(1, 3, 2'500'000);  // the first ends; from now on a step is known to take 2.5 s
  sent_.clear();
  for (uint64_t number = 2; number < 6; ++number) ASSERT_TRUE(ask(number, 1));
  ASSERT_EQ(sent_.size(), 1U);  // one computes, two wait
  EXPECT_EQ(accepted_.back().second.request, 4U);
  EXPECT_EQ(accepted_.back().second.queue.value_or(wire::QueuePlace{}).position, 2U);
  const wire::Generated& refused = sent_[0].second;
  EXPECT_EQ(refused.request, 5U);
  EXPECT_FALSE(refused.interrupted);
  ASSERT_TRUE(refused.failure && refused.queue);
  EXPECT_EQ(refused.failure->code, ErrorCode::unavailable);
  EXPECT_EQ(refused.queue->position, 3U);
  EXPECT_EQ(refused.queue->own, 2U);
  EXPECT_EQ(refused.queue->wait, std::chrono::milliseconds(7500));
  EXPECT_TRUE(refused.failure->message.contains("number 3 in the queue, and begin after about 8 s"))
      << refused.failure->message;

  ASSERT_TRUE(ask(6, 2));  // there is room for another client, and a third is refused at a full queue
  EXPECT_EQ(sent_.size(), 1U);
  ASSERT_TRUE(ask(7, 3));
  ASSERT_EQ(sent_.size(), 2U);
  EXPECT_EQ(sent_[1].second.queue.value_or(wire::QueuePlace{}).own, 0U);
}

TEST_F(FullRequestServerTest, ARequestThatIsNotToWaitSoLongIsRefusedAtOnce) {
  ASSERT_TRUE(ask(1, 1));
  ring_.done(1, 3, 2'500'000);
  sent_.clear();
  wire::Generate request = bench_request(2);
  request.queue_wait_max = std::chrono::milliseconds(2000);
  ASSERT_TRUE(on_generate(1, request));  // a sequence is free
  request.request = 3;
  ASSERT_TRUE(on_generate(1, request));
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].second.request, 3U);
  EXPECT_EQ(sent_[0].second.queue.value_or(wire::QueuePlace{}).wait, std::chrono::milliseconds(2500));
  request.request = 4;
  request.queue_wait_max = std::chrono::milliseconds(3000);
  ASSERT_TRUE(on_generate(1, request));
  EXPECT_EQ(sent_.size(), 1U);
}

TEST_F(FullRequestServerTest, WhatAnEarlierRingHadAcceptedIsNotRefused) {
  for (uint64_t number = 1; number < 9; ++number) {
    wire::Generate request = bench_request(number);
    request.accepted_before = number > 2;
    ASSERT_TRUE(on_generate(1, request));
  }
  EXPECT_EQ(sent_.size(), 1U);  // but not without any bound
  EXPECT_EQ(driver_.scheduler().waiting(), 6U);
}

TEST_F(RequestServerTest, BytesThatAreNoRequestAreAnError) {
  const std::array<std::byte, 3> junk{std::byte{255}, std::byte{255}, std::byte{255}};
  EXPECT_FALSE(server_.on_control(bench_node(1), wire::ControlType::generate, junk));
}

}  // namespace
}  // namespace exogpu::pipeline
