#include "pipeline/request_client.h"

#include <gtest/gtest.h>

#include "pipeline/continuations.h"

namespace exogpu::pipeline {
namespace {

wire::NodeId client_node(uint8_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> id{};
  id[0] = number;
  return wire::NodeId(id);
}

// Node 1, whose driver records its steps.
class RequestClientTest : public ::testing::Test {
 protected:
  static constexpr wire::PlanEpoch kEpoch{4};

  Result<void> submit(uint64_t number, wire::PlanEpoch epoch = kEpoch) {
    return client_.submit({.epoch = epoch, .request = number, .tokens = {1, 2}, .prompt_tokens = 2});
  }
  Result<void> send(wire::NodeId to, const net::Outgoing& frame) {
    if (to != client_node(2)) return fail(ErrorCode::unavailable, "there is no channel");
    if (full_) return fail(ErrorCode::resource_exhausted, "the lane is full");
    sent_.push_back(std::get<wire::Control>(frame.header.of).type);
    return {};
  }
  static wire::Generated token(uint64_t number) {
    return {.request = number, .tokens = {{.sequence = wire::SeqId(0), .token = 3}}};
  }

  std::optional<wire::NodeId> first_;
  bool full_ = false;
  std::vector<wire::ControlType> sent_;
  std::vector<wire::Generated> received_;
  int interrupted_ = 0;
  Driver driver_{kEpoch, {.sequences = 4, .context = 10}, [](const Work&) {}};
  RequestServer server_{
      {.driver = [this](wire::PlanEpoch epoch) { return epoch == kEpoch ? &driver_ : nullptr; },
       .send = [this](wire::NodeId to, const wire::Generated& message) { client_.on_generated(to, message); }}};
  RequestClient client_{client_node(1),
                        server_,
                        {.first_node = [this] { return first_; },
                         .send = [this](wire::NodeId to, const net::Outgoing& frame) { return send(to, frame); },
                         .on_generated = [this](const wire::Generated& message) { received_.push_back(message); },
                         .on_interrupted = [this] { ++interrupted_; }}};
};

TEST_F(RequestClientTest, WithTheFirstStageHereTheServerComputes) {
  first_ = client_node(1);
  ASSERT_TRUE(submit(7));
  driver_.on_done({.epoch = kEpoch, .number = 1, .tokens = {{.sequence = wire::SeqId(0), .token = 3}}});
  ASSERT_EQ(received_.size(), 1U);
  EXPECT_EQ(received_[0].request, 7U);
  EXPECT_TRUE(sent_.empty());
  EXPECT_TRUE(client_.answering_nodes().empty());
  client_.cancel(7);
  EXPECT_TRUE(driver_.idle());
}

TEST_F(RequestClientTest, ElsewhereTheNodeOfTheFirstStageComputes) {
  first_ = client_node(2);
  ASSERT_TRUE(submit(7));
  EXPECT_EQ(client_.answering_nodes(), std::set{client_node(2)});
  client_.on_generated(client_node(3), token(7));  // of a node that was not asked
  client_.on_generated(client_node(2), token(8));
  EXPECT_TRUE(received_.empty());
  client_.on_generated(client_node(2), token(7));
  wire::Generated last = token(7);
  last.end = wire::GenerateEnd::length;
  client_.on_generated(client_node(2), last);
  client_.on_generated(client_node(2), token(7));
  EXPECT_EQ(received_.size(), 2U);
  client_.cancel(7);  // it has ended
  EXPECT_EQ(sent_, std::vector{wire::ControlType::generate});
}

TEST_F(RequestClientTest, ACancelIsSentToTheNodeThatComputesAlsoWithAnotherPlan) {
  first_ = client_node(2);
  ASSERT_TRUE(submit(7));
  first_ = client_node(1);
  client_.cancel(7);
  EXPECT_EQ(sent_, (std::vector{wire::ControlType::generate, wire::ControlType::generate_cancel}));
  EXPECT_TRUE(client_.answering_nodes().empty());
}

TEST_F(RequestClientTest, OnlyALostNodeThatComputesInterrupts) {
  first_ = client_node(2);
  ASSERT_TRUE(submit(7));
  ASSERT_TRUE(submit(8));
  client_.peer_lost(client_node(3));
  EXPECT_EQ(interrupted_, 0);
  client_.peer_lost(client_node(2));
  client_.peer_lost(client_node(2));
  EXPECT_EQ(interrupted_, 1);
}

TEST_F(RequestClientTest, WhatCannotBeSentMayBeSubmittedAgain) {
  EXPECT_EQ(submit(7).error().code, kRingEnded);  // no plan
  first_ = client_node(3);
  EXPECT_EQ(submit(7).error().code, kRingEnded);  // no channel
  first_ = client_node(2);
  full_ = true;
  EXPECT_EQ(submit(7).error().code, kRingEnded);
  first_ = client_node(1);
  EXPECT_EQ(submit(7, wire::PlanEpoch(3)).error().code, kRingEnded);  // another plan's ring
  EXPECT_TRUE(client_.answering_nodes().empty());
}

TEST_F(RequestClientTest, AnErrorOfTheRequestItselfIsNotReplaced) {
  first_ = client_node(1);
  const auto refused = client_.submit({.epoch = kEpoch, .request = 7, .tokens = {}, .prompt_tokens = 0});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().code, kRingEnded);
}

}  // namespace
}  // namespace exogpu::pipeline
