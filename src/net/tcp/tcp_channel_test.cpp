// Channels over real sockets and TLS.
#include "net/tcp/tcp_channel.h"

#include <gtest/gtest.h>

#include <boost/asio/write.hpp>

#include "net/testing/tcp_node.h"

namespace exogpu::net {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class TcpLink : public ::testing::Test {
 protected:
  void connect() {
    b_.listen();
    auto channel = a_.connect(a_.to(b_));
    ASSERT_TRUE(channel) << channel.error().message;
    link_ = *std::move(channel);
    link_->start(left_);
    run_until(io_, [&] { return b_.accepted != nullptr; });
  }
  // A connection with a member's certificate whose bytes the test writes.
  std::optional<TlsStream> connect_stream(const security::TlsContext& tls) {
    std::optional<Result<TlsStream>> done;
    connect_socket(io_.get_executor(), "127.0.0.1", b_.listener->port(), 30s, [&](Result<TlsStream::Socket> socket) {
      ASSERT_TRUE(socket) << socket.error().message;
      auto stream = TlsStream::make(*std::move(socket), tls.connection(security::TlsSide::client).value(), "the test");
      shake_hands(*std::move(stream), 30s, [&](Result<TlsStream> shaken) { done = std::move(shaken); });
    });
    run_until(io_, [&] { return done.has_value(); });
    if (!done || !*done) return std::nullopt;
    return std::move(**done);
  }

  boost::asio::io_context io_;
  security::Authority authority_ = security::Authority::create(now_of_the_wall()).value();
  TcpNode a_{io_, authority_}, b_{io_, authority_};
  Recorder left_;
  std::unique_ptr<Channel> link_;
};

TEST_F(TcpLink, BothEndsKnowEachOtherByTheirCertificates) {
  connect();
  EXPECT_EQ(link_->peer().node, b_.identity.node());
  EXPECT_EQ(b_.accepted->peer().node, a_.identity.node());
  EXPECT_EQ(link_->peer().versions, wire::own_versions());
}

TEST_F(TcpLink, FramesOfAllKindsArriveInTheirPlaces) {
  connect();
  const auto rows = pattern(2 * 4096 * 2, 1), text = pattern(3000, 2), weights = pattern(40 * MiB, 3);
  const auto prompt = pattern(2 * 4096 * 1500, 4);  // more than the window
  int done = 0;
  auto count = [&](Outgoing frame) {
    frame.done = [&](const Result<void>& result) { done += result.has_value(); };
    ASSERT_TRUE(link_->send(std::move(frame)));
  };
  count(bulk(weights, 123));
  count(activation(rows, 4096, 9));
  count(activation(prompt, 4096, 9));
  count(note(text));
  count(note({}, Lane::urgent));
  run_until(io_, [&] { return b_.recorder.frames.size() == 5; });
  EXPECT_EQ(done, 5);
  const auto& frames = b_.recorder.frames;
  std::vector<std::vector<std::byte>> ordered;
  for (const auto& frame : frames) {
    if (std::holds_alternative<wire::Bulk>(frame.header.of)) {
      EXPECT_EQ(frame.payload, weights);
    } else if (!frame.payload.empty()) {
      ordered.push_back(frame.payload);
    }
  }
  EXPECT_EQ(ordered, (std::vector{rows, prompt, text}));
  EXPECT_TRUE(std::holds_alternative<wire::Bulk>(frames.back().header.of)) << "weights are the last";
  EXPECT_TRUE(b_.recorder.in_buffer);
}

TEST_F(TcpLink, ManyFramesBothWaysAtOnce) {
  connect();
  constexpr int kFrames = 2000;
  const auto rows = pattern(2 * 2048, 1);
  // Each answer triggers the next request, in eight exchanges at a time.
  int questions = 0;
  b_.recorder.then = [&](const Recorder::Frame& frame) {
    ASSERT_TRUE(b_.accepted->send(note(std::span(rows).first(frame.payload.size() / 2))));
  };
  auto ask = [&] {
    ++questions;
    ASSERT_TRUE(link_->send(activation(rows, 2048, 1)));
  };
  left_.then = [&](const Recorder::Frame& frame) {
    EXPECT_EQ(frame.payload.size(), rows.size() / 2);
    if (questions < kFrames) ask();
  };
  for (int i = 0; i < 8; ++i) ask();
  run_until(io_, [&] { return left_.frames.size() == kFrames; });
  EXPECT_EQ(b_.recorder.frames.size(), static_cast<size_t>(kFrames));
}

TEST_F(TcpLink, AReceiverThatPausesHoldsTheSenderBack) {
  connect();
  b_.accepted->pause(Lane::bulk);
  const auto weights = pattern(8 * MiB, 0);
  size_t accepted = 0;
  while (link_->send(bulk(weights))) ++accepted;
  EXPECT_EQ(accepted, 7u) << "64 MiB may wait";
  const auto text = pattern(9, 1);
  ASSERT_TRUE(link_->send(note(text)));
  run_until(io_, [&] { return b_.recorder.frames.size() >= 2; });
  run_until(io_,
            [&, end = std::chrono::steady_clock::now() + 200ms] { return std::chrono::steady_clock::now() > end; });
  EXPECT_LE(b_.accepted->stats().bytes_received, 17 * MiB);
  b_.accepted->resume(Lane::bulk);
  run_until(io_, [&] { return b_.recorder.frames.size() == accepted + 1; });
  run_until(io_, [&] { return !left_.room.empty(); });
}

TEST_F(TcpLink, ClosingSendsTheReason) {
  connect();
  const auto weights = pattern(30 * MiB, 0);
  std::optional<Result<void>> sent;
  auto frame = bulk(weights);
  frame.done = [&](Result<void> result) { sent = std::move(result); };
  b_.accepted->pause(Lane::bulk);
  ASSERT_TRUE(link_->send(std::move(frame)));
  run_until(io_, [&] { return link_->stats().bytes_sent > 10 * MiB; });
  link_->close({.code = ErrorCode::failed_precondition, .message = "this device is needed elsewhere"});
  run_until(io_, [&] { return sent && !left_.closed.empty() && !b_.recorder.closed.empty(); });
  EXPECT_EQ(sent->error().code, ErrorCode::failed_precondition);
  EXPECT_EQ(b_.recorder.closed[0].code, ErrorCode::failed_precondition);
  EXPECT_TRUE(b_.recorder.closed[0].message.contains("ended the link: this device is needed elsewhere"));
  EXPECT_EQ(left_.closed[0].message, "this device is needed elsewhere");
}

TEST_F(TcpLink, BothMayGiveTheirChannelsUpWithinTheirHandlers) {
  connect();
  b_.recorder.then = [&](const Recorder::Frame&) { b_.accepted.reset(); };
  left_.then_closed = [&] { link_.reset(); };
  ASSERT_TRUE(link_->send(note({})));
  run_until(io_, [&] { return !link_; });
  EXPECT_EQ(left_.closed.at(0).code, ErrorCode::cancelled);
  EXPECT_TRUE(b_.recorder.closed.empty());
}

TEST_F(TcpLink, APeerThatDiesWithinAFrameIsNoticed) {
  b_.listen();
  auto stream = connect_stream(a_.tls);
  ASSERT_TRUE(stream);
  Session mine(a_.self, patient(), b_.identity.node(), std::chrono::steady_clock::now());
  while (!mine.to_write().empty()) {
    const auto moved = stream->write(mine.to_write(), false);
    ASSERT_TRUE(moved);
    mine.wrote(moved->bytes);
  }
  run_until(io_, [&] { return b_.accepted != nullptr; });
  // A frame whose header claims 1,000 bytes and that has 100.
  auto bytes = pattern(116, 0);
  const auto piece = wire::encode(wire::PieceHeader{.lane = Lane::ordered, .first = true, .last = true, .bytes = 1008});
  const auto header = wire::encode(wire::FrameHeader{.of = wire::Control{kNote}, .payload_bytes = 1000});
  std::ranges::copy(piece, bytes.begin());
  std::ranges::copy(header.span(), bytes.begin() + 8);
  ASSERT_TRUE(stream->write(bytes, false));
  stream->socket().close();
  run_until(io_, [&] { return !b_.recorder.closed.empty(); });
  EXPECT_EQ(b_.recorder.closed[0].code, ErrorCode::unavailable);
  EXPECT_TRUE(b_.recorder.closed[0].message.contains("in the middle of a frame")) << b_.recorder.closed[0].message;
  EXPECT_TRUE(b_.recorder.frames.empty());
}

TEST_F(TcpLink, APeerThatFallsSilentIsNoticed) {
  b_.listen();
  auto stream = connect_stream(a_.tls);  // does the handshake and sends nothing
  ASSERT_TRUE(stream);
  ChannelOptions options;
  std::optional<Result<std::unique_ptr<Channel>>> opened;
  open_tcp_channel(std::move(*stream), a_.self, options, {},
                   [&](Result<std::unique_ptr<Channel>> channel) { opened = std::move(channel); });
  run_until(io_, [&] { return opened && b_.accepted; });
  ASSERT_TRUE(*opened) << opened->error().message;
  // The channel is never started, so it reads nothing and times out first.
  auto channel = *std::move(*opened);
  run_until(io_, [&] { return !channel->send(note({})); });
  EXPECT_TRUE(channel->send(note({})).error().message.contains("it sent nothing for 1000ms"));
}

}  // namespace
}  // namespace exogpu::net
