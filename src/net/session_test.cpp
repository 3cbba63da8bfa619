// A session's responses to a peer that breaks the protocol. The test writes the peer's bytes by hand.
#include "net/session.h"

#include <gtest/gtest.h>

#include <cstring>

#include "net/testing/recorder.h"

namespace exogpu::net {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using wire::ByteVector;
using wire::ControlType;

const SteadyTime kSessionStart{1h};

void append(ByteVector& to, std::span<const std::byte> bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

// One frame in one piece, with any header.
ByteVector frame(Lane lane, const wire::FrameHeader& header, std::span<const std::byte> payload) {
  const auto encoded = wire::encode(header);
  ByteVector bytes;
  append(
      bytes,
      wire::encode(wire::PieceHeader{
          .lane = lane, .first = true, .last = true, .bytes = static_cast<uint32_t>(encoded.size + payload.size())}));
  append(bytes, encoded.span());
  append(bytes, payload);
  return bytes;
}

ByteVector message(ControlType type, const ByteVector& payload, Lane lane = Lane::urgent) {
  return frame(lane, {.of = wire::Control{type}, .payload_bytes = static_cast<uint32_t>(payload.size())}, payload);
}

wire::Hello hello() {
  const auto peer = node_named(2);
  return {.versions = peer.versions, .node = peer.node, .cluster = peer.cluster, .incarnation = 9};
}

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() { session_.start(handler_); }
  void feed(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto buffer = session_.read_into();
      if (buffer.empty()) return;
      const size_t size = std::min(buffer.size(), bytes.size());
      std::memcpy(buffer.data(), bytes.data(), size);
      session_.received(size, now_);
      bytes = bytes.subspan(size);
    }
  }
  void greet() {
    feed(message(ControlType::hello, wire::encode(hello())));
    ASSERT_EQ(session_.state(), Session::State::open) << session_.reason().message;
  }
  // The last message that the session sent.
  std::optional<wire::Goodbye> goodbye() {
    ByteVector sent;
    for (auto bytes = session_.to_write(); !bytes.empty(); bytes = session_.to_write()) {
      append(sent, bytes);
      session_.wrote(bytes.size());
    }
    std::optional<wire::Goodbye> found;
    Inbox inbox(1 * MiB, 1 * MiB);
    struct Sink : InboxSink {
      std::optional<wire::Goodbye>& out;
      explicit Sink(std::optional<wire::Goodbye>& to) : out(to) {}
      std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader&) override { return std::nullopt; }
      void abandoned(const wire::FrameHeader&) override {}
      Result<void> frame(Lane, const wire::FrameHeader& header, std::span<const std::byte> payload) override {
        if (std::get<wire::Control>(header.of).type == ControlType::goodbye) {
          out = wire::decode<wire::Goodbye>(payload).value();
        }
        return {};
      }
    } sink(found);
    std::span<const std::byte> rest(sent);
    while (!rest.empty()) {
      const auto buffer = inbox.next();
      const size_t size = std::min(buffer.size(), rest.size());
      std::memcpy(buffer.data(), rest.data(), size);
      EXPECT_TRUE(inbox.commit(size, sink));
      rest = rest.subspan(size);
    }
    return found;
  }
  // The session closes, and both the peer and the user get the reason.
  void expect_refused(ErrorCode code, std::string_view words) {
    const auto received = goodbye();
    ASSERT_TRUE(received) << "not refused, but expected: " << words;
    EXPECT_EQ(received->reason.code, code) << received->reason.message;
    EXPECT_TRUE(received->reason.message.contains(words)) << received->reason.message;
    EXPECT_EQ(session_.state(), Session::State::closed);
    session_.run_calls();
    ASSERT_EQ(handler_.closed.size(), 1u);
    EXPECT_EQ(handler_.closed[0].message, received->reason.message);
  }

  SteadyTime now_ = kSessionStart;
  Recorder handler_;
  Session session_{node_named(1), ChannelOptions{}, node_named(2).node, kSessionStart};
};

TEST_F(SessionTest, HowMuchRoundTripsDifferIsMeasured) {
  greet();
  session_.watch(1s, 1h, now_);
  const auto round_trip = [&](Duration takes) {
    now_ += 1s;
    session_.tick(now_);
    const auto sent_us =
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch()).count());
    now_ += takes;
    feed(message(ControlType::pong, wire::encode(wire::Pong{.ping_sent_us = sent_us, .answered_us = sent_us})));
  };
  for (int i = 0; i < 100; ++i) round_trip(3ms);
  EXPECT_EQ(session_.stats().rtt_jitter.count(), 0);
  EXPECT_EQ(session_.stats().rtt_last, 3ms);
  for (int i = 0; i < 100; ++i) round_trip(i % 2 == 0 ? 5ms : 3ms);
  EXPECT_NEAR(static_cast<double>(session_.stats().rtt_jitter.count()), 2000, 30);
}

// Both nodes' clocks are in the message, which both get to read.
TEST(SessionClockTest, ACertificateThatIsNotValidByThisNodesClockIsRefused) {
  const security::WallTime now = std::chrono::sys_days(std::chrono::year(2031) / 5 / 6);
  LinkSelf self = node_named(1);
  self.wall_clock = [&] { return now - std::chrono::days(3); };
  const Certified peer(node_named(2).node, {.from = now - 24h, .to = now + 24h});
  const auto greet = [&](const LinkSelf& as, uint64_t clock_s) {
    auto session = std::make_unique<Session>(as, ChannelOptions{}, peer, kSessionStart);
    wire::Hello theirs = hello();
    theirs.clock_s = clock_s;
    const auto bytes = message(ControlType::hello, wire::encode(theirs));
    for (std::span<const std::byte> rest(bytes); !rest.empty();) {
      const auto buffer = session->read_into();
      const size_t size = std::min(buffer.size(), rest.size());
      std::memcpy(buffer.data(), rest.data(), size);
      session->received(size, kSessionStart);
      rest = rest.subspan(size);
    }
    return session;
  };
  const auto clock_s = static_cast<uint64_t>(std::chrono::system_clock::to_time_t(now));
  const auto behind = greet(self, clock_s);
  EXPECT_EQ(behind->state(), Session::State::closing);
  EXPECT_EQ(behind->reason().code, ErrorCode::unauthenticated);
  const std::string& why = behind->reason().message;
  EXPECT_TRUE(why.contains("says 2031-05-03 00:00 UTC") && why.contains("says 2031-05-06 00:00 UTC")) << why;
  EXPECT_TRUE(greet(self, 0)->reason().message.contains("is not known")) << "an older node";
  self.wall_clock = [&] { return now + 25h; };
  EXPECT_EQ(greet(self, clock_s)->reason().code, ErrorCode::unauthenticated);
  self.renews = [] { return true; };
  EXPECT_TRUE(greet(self, clock_s)->peer().expired) << "it may ask for a later one";
  self.wall_clock = [&] { return now - 1h; };
  const auto good = greet(self, clock_s);
  EXPECT_FALSE(good->peer().expired);
  EXPECT_EQ(good->state(), Session::State::open) << good->reason().message;
  EXPECT_EQ(good->peer().clock_ahead, 1h);
}

TEST_F(SessionTest, ANoteBeforeTheHelloIsRefused) {
  feed(message(kNote, {}));
  expect_refused(ErrorCode::corrupt, "its first message is not a hello");
}

TEST_F(SessionTest, AHelloOfAnotherNodeIsRefused) {
  auto forged = hello();
  forged.node = node_named(3).node;
  feed(message(ControlType::hello, wire::encode(forged)));
  expect_refused(ErrorCode::unauthenticated, "claims to be node 03030303, but its certificate is for another node");
}

TEST_F(SessionTest, ASecondHelloIsRefused) {
  greet();
  feed(message(ControlType::hello, wire::encode(hello())));
  expect_refused(ErrorCode::corrupt, "a message of type 1, which is not allowed");
}

TEST_F(SessionTest, BytesThatAreNoFramesAreRefused) {
  greet();
  feed(pattern(100, 1));
  expect_refused(ErrorCode::corrupt, "node 02020202: a piece begins with 0x01");
}

TEST_F(SessionTest, AnUnknownKindOfFrameIsRefused) {
  greet();
  auto bytes = message(kNote, {});
  bytes[wire::kPieceHeaderBytes] = std::byte{77};
  feed(bytes);
  expect_refused(ErrorCode::unsupported, "unknown kind 77");
}

TEST_F(SessionTest, AFrameTooLargeIsRefusedBeforeItsFirstByte) {
  greet();
  feed(frame(Lane::ordered, {.of = wire::Control{kNote}, .payload_bytes = 5 * 1024 * 1024}, pattern(10, 0)));
  expect_refused(ErrorCode::corrupt, "a control frame of 5,242,880 bytes");
}

TEST_F(SessionTest, PiecesThatDoNotMakeAFrameAreRefused) {
  struct Case {
    std::vector<wire::PieceHeader> pieces;
    uint32_t payload_bytes;  // claimed by the frame's header
    std::string_view words;
  };
  const std::vector<Case> cases{
      {{{.lane = Lane::ordered, .bytes = 10}}, 0, "continues a frame that has not begun"},
      {{{.lane = Lane::ordered, .last = true, .abandoned = true}}, 0, "continues a frame that has not begun"},
      {{{.lane = Lane::ordered, .first = true, .bytes = 18}, {.lane = Lane::ordered, .first = true, .bytes = 18}},
       100,
       "before the previous one has ended"},
      {{{.lane = Lane::ordered, .first = true, .last = true, .bytes = 18}}, 100, "ends 90 bytes too early"},
      {{{.lane = Lane::ordered, .first = true, .bytes = 18}}, 10, "before its last piece"},
      {{{.lane = Lane::ordered, .first = true, .last = true, .bytes = 18}}, 9, "longer than the rest of its frame"},
      {{{.lane = Lane::ordered, .first = true, .bytes = 18}, {.lane = Lane::ordered, .last = true, .bytes = 91}},
       100,
       "longer than the rest of its frame"},
  };
  for (const Case& each : cases) {
    Session session(node_named(1), {}, node_named(2).node, kSessionStart);
    ByteVector bytes = message(ControlType::hello, wire::encode(hello()));
    for (const auto& piece : each.pieces) {
      append(bytes, wire::encode(piece));
      size_t payload = piece.bytes;
      if (piece.first) {
        append(bytes,
               wire::encode(wire::FrameHeader{.of = wire::Control{kNote}, .payload_bytes = each.payload_bytes}).span());
        payload -= 8;
      }
      append(bytes, pattern(payload, 0));
    }
    Recorder handler;
    session.start(handler);
    for (const std::byte byte : bytes) {
      const auto buffer = session.read_into();
      if (buffer.empty()) break;
      buffer[0] = byte;
      session.received(1, kSessionStart);
    }
    EXPECT_EQ(session.state(), Session::State::closing) << each.words;
    EXPECT_TRUE(session.reason().message.contains(each.words)) << session.reason().message;
    EXPECT_TRUE(handler.frames.empty());
  }
}

TEST_F(SessionTest, MoreThanWasGrantedIsRefused) {
  greet();
  const auto payload = pattern(wire::kPiecePayloadMax, 0);
  const wire::FrameHeader header{.of = wire::Bulk{}, .payload_bytes = 64 * 1024 * 1024};
  session_.pause(Lane::bulk, true);
  ByteVector bytes;
  append(bytes, wire::encode(wire::PieceHeader{.lane = Lane::bulk, .first = true, .bytes = 24}));
  append(bytes, wire::encode(header).span());
  feed(bytes);
  for (int i = 0; i < 70 && session_.state() == Session::State::open; ++i) {
    bytes.clear();
    append(bytes, wire::encode(wire::PieceHeader{.lane = Lane::bulk, .bytes = wire::kPiecePayloadMax}));
    append(bytes, payload);
    feed(bytes);
  }
  expect_refused(ErrorCode::corrupt, "sent more bytes than it was granted");
}

TEST_F(SessionTest, AFrameCutShortIsReported) {
  greet();
  auto bytes = message(kNote, pattern(100, 0), Lane::ordered);
  bytes.resize(bytes.size() - 1);
  feed(bytes);
  session_.lost({.code = ErrorCode::unavailable, .message = "the connection has ended"});
  session_.run_calls();
  ASSERT_EQ(handler_.closed.size(), 1u);
  EXPECT_EQ(handler_.closed[0].message, "node 02020202: the connection has ended, in the middle of a frame");
  EXPECT_TRUE(handler_.frames.empty());
}

TEST_F(SessionTest, APeerThatNeverSendsAHelloIsClosed) {
  EXPECT_EQ(session_.next_tick(), kSessionStart + 5s);
  session_.tick(kSessionStart + 4999ms);
  EXPECT_EQ(session_.state(), Session::State::greeting);
  session_.tick(kSessionStart + 5s);
  EXPECT_EQ(session_.state(), Session::State::closed);
  EXPECT_EQ(session_.reason().code, ErrorCode::deadline_exceeded);
}

TEST_F(SessionTest, APieceThatDripsIsGivenUp) {
  greet();
  auto bytes = message(kNote, pattern(1000, 0), Lane::ordered);
  for (size_t i = 0; i < bytes.size() && session_.state() == Session::State::open; ++i) {
    feed(std::span(bytes).subspan(i, 1));  // one byte per 100 ms: never silent
    now_ += 100ms;
    session_.tick(now_);
  }
  EXPECT_TRUE(session_.reason().message.contains("took too long")) << session_.reason().message;
  EXPECT_GE(now_, kSessionStart + 30s);
  EXPECT_LE(now_, kSessionStart + 31s);
}

TEST_F(SessionTest, AnOwnPauseDoesNotCloseThePeer) {
  greet();
  auto bytes = message(kNote, pattern(1000, 0), Lane::ordered);
  feed(std::span(bytes).first(100));
  session_.tick(now_ + 250ms);
  now_ += 1h;  // a suspended laptop in the middle of a piece
  session_.tick(now_);
  feed(std::span(bytes).subspan(100));
  EXPECT_EQ(session_.state(), Session::State::open) << session_.reason().message;
  EXPECT_EQ(handler_.frames.size(), 1u);
}

TEST_F(SessionTest, APlaceOfTheWrongSizeIsADefectOfOurs) {
  struct Wrong : Recorder {
    std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader&) override { return std::span(room); }
    std::array<std::byte, 3> room;
  } wrong;
  session_.start(wrong);
  greet();
  feed(frame(Lane::bulk, {.of = wire::Bulk{}, .payload_bytes = 10}, pattern(10, 0)));
  EXPECT_EQ(session_.reason().code, ErrorCode::internal);
}

}  // namespace
}  // namespace exogpu::net
