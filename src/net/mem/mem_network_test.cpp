// Whole links over memory: the rules of a channel that do not depend on a real network.
#include "net/mem/mem_network.h"

#include <gtest/gtest.h>

#include "net/testing/recorder.h"

namespace exogpu::net {
namespace {

using namespace std::chrono_literals;
using namespace testing;

const SteadyTime kNetworkStart{1h};

class MemLink : public ::testing::Test {
 protected:
  void connect(const ChannelOptions& options = {}, const MemPipeOptions& pipes = {}) {
    auto pair = network_.connect({node_named(1), options}, {node_named(2), options}, pipes);
    ASSERT_TRUE(pair) << pair.error().message;
    a_ = std::move(pair->a);
    b_ = std::move(pair->b);
    a_->start(left_);
    b_->start(right_);
  }
  void pump(Duration passed = 0s) {
    now_ += passed;
    network_.pump(now_);
  }
  // Advances in small steps, like a timer.
  void pass(Duration time) {
    const auto until = now_ + time;
    while (now_ < until) pump(std::min<Duration>(50ms, until - now_));
  }
  std::function<void(Result<void>)> record() {
    return [this](Result<void> result) { sent_.push_back(std::move(result)); };
  }

  SteadyTime now_ = kNetworkStart;
  MemNetwork network_{kNetworkStart};
  Recorder left_, right_;
  std::unique_ptr<Channel> a_, b_;
  std::vector<Result<void>> sent_;
};

TEST_F(MemLink, EachKnowsTheOther) {
  connect();
  EXPECT_EQ(a_->peer().node, node_named(2).node);
  EXPECT_EQ(b_->peer().node, node_named(1).node);
  EXPECT_EQ(b_->peer().incarnation, 1u);
  EXPECT_EQ(a_->peer().versions, wire::own_versions());
  EXPECT_EQ(a_->peer().protocol, wire::own_versions().protocol_max);
}

TEST_F(MemLink, FramesArriveWholeInOrderAndInTheirBuffers) {
  for (const Bytes chunk : {Bytes{1}, Bytes{7}, 64 * KiB}) {
    network_ = MemNetwork(kNetworkStart);
    now_ = kNetworkStart;
    right_ = {};
    connect({}, {.buffer_bytes = 100 * KiB, .chunk_bytes = chunk});
    const auto rows = pattern(2 * 128 * 5, 1), text = pattern(999, 2), weights = pattern(300 * KiB, 3);
    ASSERT_TRUE(a_->send(activation(rows, 128, 42)));
    ASSERT_TRUE(a_->send(note(text)));
    ASSERT_TRUE(a_->send(note({})));
    auto parts = bulk(std::span(weights).first(100), 77);
    parts.payload.push_back({});
    parts.payload.push_back(std::span(weights).subspan(100));
    ASSERT_TRUE(a_->send(std::move(parts)));
    pump();
    ASSERT_EQ(right_.frames.size(), 4u);
    EXPECT_EQ(std::get<wire::Activation>(right_.frames[0].header.of).epoch, wire::PlanEpoch(42));
    EXPECT_EQ(std::get<wire::Activation>(right_.frames[0].header.of).rows, 5u);
    EXPECT_EQ(right_.frames[0].payload, rows);
    EXPECT_EQ(right_.frames[1].payload, text);
    EXPECT_TRUE(right_.frames[2].payload.empty());
    EXPECT_EQ(std::get<wire::Bulk>(right_.frames[3].header.of).offset, 77u);
    EXPECT_EQ(right_.frames[3].payload, weights);
    EXPECT_TRUE(right_.in_buffer);
    EXPECT_EQ(b_->stats().frames_received, 4u);
    EXPECT_EQ(a_->stats().queued_bytes, 0u);
  }
}

TEST_F(MemLink, DoneIsCalledOnceAndNeverFromInsideSend) {
  connect();
  const auto text = pattern(10, 0);
  auto owner = std::make_shared<int>(1);
  std::weak_ptr<int> observer = owner;
  auto frame = note(text);
  frame.done = record();
  frame.owner = std::move(owner);
  ASSERT_TRUE(a_->send(std::move(frame)));
  EXPECT_TRUE(sent_.empty());
  EXPECT_FALSE(observer.expired());
  pump();
  pump();
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_TRUE(sent_[0]);
  EXPECT_TRUE(observer.expired());
}

TEST_F(MemLink, AShortFrameOvertakesMegabytes) {
  connect({}, {.buffer_bytes = 512 * KiB, .chunk_bytes = 64 * KiB});
  const auto weights = pattern(10 * MiB, 0), text = pattern(10, 1);
  ASSERT_TRUE(a_->send(bulk(weights)));
  ASSERT_TRUE(a_->send(note(text, Lane::urgent)));
  ASSERT_TRUE(a_->send(note(text)));
  pump();
  ASSERT_EQ(right_.frames.size(), 3u);
  EXPECT_EQ(right_.frames[0].payload.size(), 10u);
  EXPECT_EQ(right_.frames[1].payload.size(), 10u);
  EXPECT_EQ(right_.frames[2].payload, weights);
}

TEST_F(MemLink, WhatTheReceiverDoesNotWantIsThrownAway) {
  connect();
  const auto rows = pattern(256, 1);
  right_.drop = [](const wire::FrameHeader& header) {
    const auto* it = std::get_if<wire::Activation>(&header.of);
    return it && it->epoch < wire::PlanEpoch(5);  // an epoch that has ended
  };
  ASSERT_TRUE(a_->send(activation(rows, 64, 4)));
  ASSERT_TRUE(a_->send(activation(rows, 64, 5)));
  pump();
  ASSERT_EQ(right_.frames.size(), 1u);
  EXPECT_EQ(std::get<wire::Activation>(right_.frames[0].header.of).epoch, wire::PlanEpoch(5));
}

TEST_F(MemLink, APausedLaneHoldsTheSenderBackAndTheOthersGoOn) {
  ChannelOptions options;
  options.bulk_window = 1 * MiB;
  options.bulk_queue = 2 * MiB;
  connect(options);
  b_->pause(Lane::bulk);
  const auto weights = pattern(512 * KiB, 0), text = pattern(10, 1);
  int accepted = 0;
  for (int i = 0; i < 20; ++i) {
    accepted += a_->send(bulk(weights)).has_value();
    pump();
  }
  EXPECT_GE(accepted, 4);
  EXPECT_LE(accepted, 6) << "1 MiB is granted, 2 MiB wait";
  const size_t arrived = right_.frames.size();
  EXPECT_LE(arrived, 2u);
  ASSERT_TRUE(a_->send(note(text)));
  pass(5s);
  EXPECT_EQ(right_.frames.size(), arrived + 1) << "the ordered lane goes on, and the link lives";
  EXPECT_TRUE(right_.closed.empty());
  EXPECT_TRUE(left_.room.empty());
  b_->resume(Lane::bulk);
  pump();
  EXPECT_EQ(right_.frames.size(), static_cast<size_t>(accepted) + 1);
  EXPECT_EQ(left_.room, std::vector{Lane::bulk});
}

TEST_F(MemLink, MoreThanTheWindowsPassesWhenItIsTakenIn) {
  ChannelOptions options;
  options.bulk_window = 1 * MiB;
  options.ordered_window = 1 * MiB;
  connect(options);
  const auto weights = pattern(5 * MiB + 12345, 0);
  const auto rows = pattern(2 * 4096 * 400, 1);
  ASSERT_TRUE(a_->send(bulk(weights)));
  ASSERT_TRUE(a_->send(activation(rows, 4096)));
  pump();
  ASSERT_EQ(right_.frames.size(), 2u);
  EXPECT_EQ(right_.frames[0].payload, rows);
  EXPECT_EQ(right_.frames[1].payload, weights);
}

TEST_F(MemLink, ACancelledFrameIsAbandonedAtTheOtherEnd) {
  ChannelOptions options;
  options.bulk_window = 1 * MiB;
  connect(options);
  b_->pause(Lane::bulk);
  const auto weights = pattern(4 * MiB, 0);
  auto frame = bulk(weights);
  frame.done = record();
  const auto id = a_->send(std::move(frame));
  ASSERT_TRUE(id);
  auto second = bulk(weights);
  second.done = record();
  second.within = 2s;
  ASSERT_TRUE(a_->send(std::move(second)));
  pump();
  EXPECT_TRUE(sent_.empty());
  a_->cancel(*id);
  pump();
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].error().code, ErrorCode::cancelled);
  ASSERT_EQ(right_.abandoned.size(), 1u);
  pass(3s);
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_EQ(sent_[1].error().code, ErrorCode::deadline_exceeded);
  b_->resume(Lane::bulk);
  const auto text = pattern(10, 1);
  ASSERT_TRUE(a_->send(bulk(text)));
  pump();
  ASSERT_EQ(right_.frames.size(), 1u);
  EXPECT_EQ(right_.frames[0].payload, text);
}

TEST_F(MemLink, CloseSendsTheReasonAndEndsQueuedSends) {
  connect();
  b_->pause(Lane::bulk);
  const auto weights = pattern(30 * MiB, 0);
  auto frame = bulk(weights);
  frame.done = record();
  ASSERT_TRUE(a_->send(std::move(frame)));
  pump();
  a_->close({.code = ErrorCode::failed_precondition, .message = "the plan is over"});
  EXPECT_FALSE(a_->send(note({})));
  pump();
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(sent_[0].error().code, ErrorCode::failed_precondition);
  ASSERT_EQ(left_.closed.size(), 1u);
  EXPECT_EQ(left_.closed[0].message, "the plan is over");
  ASSERT_EQ(right_.closed.size(), 1u);
  EXPECT_EQ(right_.closed[0].code, ErrorCode::failed_precondition);
  EXPECT_EQ(right_.closed[0].message, "node 01010101 ended the link: the plan is over");
  pass(5s);
  EXPECT_EQ(left_.closed.size() + right_.closed.size(), 2u);
}

TEST_F(MemLink, DestroyingAChannelInsideItsHandlerIsAllowed) {
  connect();
  right_.then = [&](const Recorder::Frame&) { b_.reset(); };
  const auto text = pattern(10, 1);
  ASSERT_TRUE(a_->send(note(text)));
  ASSERT_TRUE(a_->send(note(text)));
  pump();
  EXPECT_EQ(right_.frames.size(), 1u);
  EXPECT_TRUE(right_.closed.empty());
  ASSERT_EQ(left_.closed.size(), 1u);
  EXPECT_EQ(left_.closed[0].code, ErrorCode::cancelled);
}

TEST_F(MemLink, ASilentPeerIsGivenUpWithinASecond) {
  connect();
  pass(10s);
  EXPECT_TRUE(left_.closed.empty()) << "idle, and alive";
  ASSERT_TRUE(a_->stats().rtt_min);
  EXPECT_EQ(a_->stats().rtt_jitter.count(), 0) << "each round trip took as long as the one before";
  network_.stop_delivery(*a_);
  pass(900ms);
  EXPECT_TRUE(left_.closed.empty());
  pass(400ms);
  ASSERT_EQ(left_.closed.size(), 1u);
  EXPECT_EQ(left_.closed[0].code, ErrorCode::unavailable);
  EXPECT_EQ(left_.closed[0].message, "node 02020202: it sent nothing for 1000ms");
}

TEST_F(MemLink, ALostConnectionSaysWhetherItCutAFrame) {
  connect();
  network_.cut(*a_);
  pump();
  ASSERT_EQ(left_.closed.size(), 1u);
  EXPECT_EQ(left_.closed[0].message, "node 02020202: the connection has ended");
  a_.reset();
  b_.reset();
  left_ = {};
  right_ = {};
  connect();
  b_->pause(Lane::bulk);
  const auto weights = pattern(30 * MiB, 0);
  ASSERT_TRUE(a_->send(bulk(weights)));
  pump();
  network_.cut(*a_);
  pump();
  ASSERT_EQ(right_.closed.size(), 1u);
  EXPECT_EQ(right_.closed[0].message, "node 01010101: the connection has ended, in the middle of a frame");
}

TEST_F(MemLink, NodesWithoutACommonVersionNameBoth) {
  auto newer = node_named(2);
  newer.versions = {.program = "7.0.0", .protocol_min = 905, .protocol_max = 907};
  const auto pair = network_.connect({node_named(1), {}}, {newer, {}});
  ASSERT_FALSE(pair);
  EXPECT_EQ(pair.error().code, ErrorCode::unsupported);
  EXPECT_TRUE(pair.error().message.contains("exogpu " + wire::own_versions().program + " (protocol "));
  EXPECT_TRUE(pair.error().message.contains("exogpu 7.0.0 (protocols 905 to 907)")) << pair.error().message;
}

TEST_F(MemLink, NodesOfTwoClustersPart) {
  auto other = node_named(2);
  other.cluster = *wire::ClusterId::parse("11111111111111111111111111111111");
  const auto pair = network_.connect({node_named(1), {}}, {other, {}});
  ASSERT_FALSE(pair);
  EXPECT_EQ(pair.error().code, ErrorCode::unauthenticated);
  EXPECT_TRUE(pair.error().message.contains("belongs to cluster 11111111, this node to 00000000"))
      << pair.error().message;
  EXPECT_EQ(network_.connect({node_named(1), {}}, {node_named(1), {}}).error().message,
            "node 01010101: the address is that of this node itself");
}

TEST_F(MemLink, MessagesOfTheLinkAreNotTheUsers) {
  connect();
  auto forged = note({});
  forged.header.of = wire::Control{wire::ControlType::goodbye};
  EXPECT_EQ(a_->send(std::move(forged)).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace exogpu::net
