#include "pipeline/request_client.h"

#include <gtest/gtest.h>

#include "pipeline/continuations.h"
#include "pipeline/testing/request_bench.h"

namespace exogpu::pipeline {
namespace {

using namespace testing;

// Node 1, whose driver records its steps.
class RequestClientTest : public ::testing::Test {
 protected:
  Result<void> submit(uint64_t number, wire::PlanEpoch epoch = kBenchEpoch) {
    return client_.submit(bench_request(number, epoch));
  }
  Result<void> send(wire::NodeId to, const net::Outgoing& frame) {
    if (to != bench_node(2)) return fail(ErrorCode::unavailable, "there is no channel");
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
  BenchDriver ring_;
  RequestServer server_{
      {.driver = [this](wire::PlanEpoch epoch) { return ring_.of(epoch); },
       .send = [this](wire::NodeId to, const wire::Generated& message) { client_.on_generated(to, message); }}};
  RequestClient client_{bench_node(1),
                        server_,
                        {.first_node = [this] { return first_; },
                         .send = [this](wire::NodeId to, const net::Outgoing& frame) { return send(to, frame); },
                         .on_generated = [this](const wire::Generated& message) { received_.push_back(message); },
                         .on_interrupted = [this] { ++interrupted_; }}};
};

TEST_F(RequestClientTest, WithTheFirstStageHereTheServerComputes) {
  first_ = bench_node(1);
  ASSERT_TRUE(submit(7));
  ring_.done(1);
  ASSERT_EQ(received_.size(), 2U);  // that it is accepted, and a token
  EXPECT_EQ(received_[1].request, 7U);
  EXPECT_TRUE(sent_.empty());
  EXPECT_TRUE(client_.answering_nodes().empty());
  client_.cancel(7);
  EXPECT_TRUE(ring_.driver.idle());
}

TEST_F(RequestClientTest, ElsewhereTheNodeOfTheFirstStageComputes) {
  first_ = bench_node(2);
  ASSERT_TRUE(submit(7));
  EXPECT_EQ(client_.answering_nodes(), std::set{bench_node(2)});
  client_.on_generated(bench_node(3), token(7));  // of a node that was not asked
  client_.on_generated(bench_node(2), token(8));
  EXPECT_TRUE(received_.empty());
  client_.on_generated(bench_node(2), token(7));
  wire::Generated last = token(7);
  last.end = wire::GenerateEnd::length;
  client_.on_generated(bench_node(2), last);
  client_.on_generated(bench_node(2), token(7));
  EXPECT_EQ(received_.size(), 2U);
  client_.cancel(7);  // it has ended
  EXPECT_EQ(sent_, std::vector{wire::ControlType::generate});
}

TEST_F(RequestClientTest, ACancelIsSentToTheNodeThatComputesAlsoWithAnotherPlan) {
  first_ = bench_node(2);
  ASSERT_TRUE(submit(7));
  first_ = bench_node(1);
  client_.cancel(7);
  EXPECT_EQ(sent_, (std::vector{wire::ControlType::generate, wire::ControlType::generate_cancel}));
  EXPECT_TRUE(client_.answering_nodes().empty());
}

TEST_F(RequestClientTest, OnlyALostNodeThatComputesInterrupts) {
  first_ = bench_node(2);
  ASSERT_TRUE(submit(7));
  ASSERT_TRUE(submit(8));
  client_.peer_lost(bench_node(3));
  EXPECT_EQ(interrupted_, 0);
  client_.peer_lost(bench_node(2));
  client_.peer_lost(bench_node(2));
  EXPECT_EQ(interrupted_, 1);
}

TEST_F(RequestClientTest, WhatCannotBeSentMayBeSubmittedAgain) {
  EXPECT_EQ(submit(7).error().code, kRingEnded);  // no plan
  first_ = bench_node(3);
  EXPECT_EQ(submit(7).error().code, kRingEnded);  // no channel
  first_ = bench_node(2);
  full_ = true;
  EXPECT_EQ(submit(7).error().code, kRingEnded);
  EXPECT_TRUE(client_.answering_nodes().empty());
  EXPECT_TRUE(received_.empty());
  first_ = bench_node(1);
  ASSERT_TRUE(submit(7, wire::PlanEpoch(3)));  // another plan's ring
  ASSERT_EQ(received_.size(), 1U);
  EXPECT_TRUE(received_[0].interrupted);
}

TEST_F(RequestClientTest, AnErrorOfTheRequestItselfIsNotReplaced) {
  first_ = bench_node(1);
  ASSERT_TRUE(client_.submit({.epoch = kBenchEpoch, .request = 7, .tokens = {}, .prompt_tokens = 0}));
  ASSERT_EQ(received_.size(), 1U);
  EXPECT_FALSE(received_[0].interrupted);
  EXPECT_EQ(received_[0].failure.value_or(Error{}).code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace exogpu::pipeline
