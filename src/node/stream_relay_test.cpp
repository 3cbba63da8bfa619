#include "node/stream_relay.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"
#include "node/testing/fake_transport.h"
#include "node/testing/generation_log.h"

namespace exogpu::node {
namespace {

using namespace std::chrono_literals;
using cluster::testing::example_id;
using testing::deliver;
using testing::TaskQueue;

constexpr wire::StreamId kRelayedStream{7};

// This node is 1; nodes 2 and 3 are connected.
class StreamRelayTest : public ::testing::Test {
 protected:
  StreamRelayTest() {
    relay_.register_handlers(dispatch_);
    transport_.connected = {example_id(2), example_id(3)};
  }
  wire::StreamRead at(uint64_t from) const {
    return {.request = 40, .stream = kRelayedStream, .owner = std::string(wire::kStreamOwnerBytes, 'a'), .from = from};
  }
  void read(uint64_t from) {
    relay_.read(at(from), [this](Result<wire::StreamBytes> part) { results_.push_back(std::move(part)); }, now_);
  }
  // The one request that was sent to the node.
  wire::StreamRead asked(uint8_t node) {
    const auto requests = transport_.take<wire::StreamRead>(example_id(node));
    EXPECT_EQ(requests.size(), 1U) << "of node " << int{node};
    return requests.empty() ? wire::StreamRead{} : requests.front();
  }
  void respond(uint8_t node, const wire::StreamRead& request, const std::string& bytes) {
    ASSERT_TRUE(deliver(dispatch_, example_id(node),
                        wire::StreamBytes{.request = request.request, .offset = request.from, .bytes = bytes}));
  }
  void respond_not_found(uint8_t node, const wire::StreamRead& request) {
    wire::StreamBytes message{.request = request.request};
    message.failure = Error{ErrorCode::not_found, "there is no such stream"};
    ASSERT_TRUE(deliver(dispatch_, example_id(node), message));
  }

  StreamRelay::Clock::time_point now_{1h};
  TaskQueue tasks_;
  testing::FakeTransport transport_;
  Dispatch dispatch_;
  StreamStore store_;
  StreamRelay relay_{store_, transport_, [this](TaskQueue::Task task) { tasks_.post(std::move(task)); }};
  std::vector<Result<wire::StreamBytes>> results_;
};

TEST_F(StreamRelayTest, AStreamOfThisNodeIsReadHere) {
  const auto writer =
      store_.create(kRelayedStream, {.owner = at(0).owner, .type = "t", .linger = 1s, .on_abandoned = {}}, now_);
  writer->append("hello");
  read(1);
  ASSERT_EQ(results_.size(), 1U);
  EXPECT_EQ(results_[0]->bytes, "ello");
  EXPECT_EQ(results_[0]->request, 40U);
  EXPECT_TRUE(transport_.sent.empty());
}

TEST_F(StreamRelayTest, TheNodeThatHasItIsFoundAndThenAskedAlone) {
  read(0);
  const auto second = asked(2), third = asked(3);
  EXPECT_EQ(second.owner, at(0).owner);
  respond_not_found(2, second);
  EXPECT_TRUE(results_.empty());
  respond(3, third, "hello");
  ASSERT_EQ(results_.size(), 1U);
  EXPECT_EQ(results_[0]->bytes, "hello");
  EXPECT_EQ(results_[0]->request, 40U);
  read(5);
  EXPECT_TRUE(transport_.take<wire::StreamRead>(example_id(2)).empty());
  EXPECT_EQ(asked(3).from, 5U);
}

TEST_F(StreamRelayTest, WhatNoNodeHasIsNotFound) {
  read(0);
  const auto second = asked(2), third = asked(3);
  respond_not_found(2, second);
  respond_not_found(2, second);  // counts once
  EXPECT_TRUE(results_.empty());
  respond_not_found(3, third);
  ASSERT_EQ(results_.size(), 1U);
  EXPECT_EQ(results_[0].error().code, ErrorCode::not_found);
  transport_.connected.clear();
  read(0);
  EXPECT_EQ(results_.back().error().code, ErrorCode::not_found);
}

TEST_F(StreamRelayTest, ALostOrSilentNodeEndsTheRead) {
  read(0);
  const auto second = asked(2), third = asked(3);
  respond_not_found(2, second);
  relay_.on_link_down(example_id(3));
  ASSERT_EQ(results_.size(), 1U);
  EXPECT_EQ(results_[0].error().code, ErrorCode::unavailable);
  respond(3, third, "late");
  EXPECT_EQ(results_.size(), 1U);
  read(0);
  relay_.tick(now_ + 20s);
  EXPECT_EQ(results_.size(), 1U);
  relay_.tick(now_ + 21s);
  ASSERT_EQ(results_.size(), 2U);
  EXPECT_EQ(results_[1].error().code, ErrorCode::unavailable);
}

TEST_F(StreamRelayTest, OtherNodesReadWhatIsKeptHere) {
  auto writer =
      store_.create(kRelayedStream, {.owner = at(0).owner, .type = "t", .linger = 1s, .on_abandoned = {}}, now_);
  ASSERT_TRUE(deliver(dispatch_, example_id(2), at(0)));
  tasks_.run();
  EXPECT_TRUE(transport_.sent.empty());  // there is nothing yet
  writer->append("hi");
  tasks_.run();
  auto sent = transport_.take<wire::StreamBytes>(example_id(2));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0], (wire::StreamBytes{.request = 40, .type = "t", .bytes = "hi"}));
  wire::StreamRead foreign = at(0);
  foreign.owner[0] = 'b';
  ASSERT_TRUE(deliver(dispatch_, example_id(3), foreign));
  tasks_.run();
  sent = transport_.take<wire::StreamBytes>(example_id(3));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(sent[0].failure.value_or(Error{}).code, ErrorCode::not_found);
}

}  // namespace
}  // namespace exogpu::node
