#include "net/outbox.h"

#include <gtest/gtest.h>

#include <string>

namespace exogpu::net {
namespace {

using namespace std::chrono_literals;
using wire::ControlType;

const SteadyTime kOutboxStart{};
constexpr auto kNote = static_cast<ControlType>(64);

class OutboxTest : public ::testing::Test {
 protected:
  Outgoing frame(Lane lane, Bytes bytes) {
    static const std::vector<std::byte> memory(2 * MiB, std::byte{7});
    wire::FrameHeader header{.of = wire::Control{kNote}};
    if (lane == Lane::bulk) header.of = wire::Bulk{};
    return {.header = header,
            .lane = lane,
            .payload = {std::span(memory).first(bytes)},
            .owner = nullptr,
            .within = std::nullopt,
            .done = [this](Result<void> result) { results_.push_back(std::move(result)); }};
  }

  // Sends one whole piece and returns its header.
  wire::PieceHeader piece() {
    const auto head = outbox_.front();
    EXPECT_GE(head.size(), wire::kPieceHeaderBytes);
    const auto header = wire::decode_piece(head.first<wire::kPieceHeaderBytes>()).value();
    size_t remaining = wire::kPieceHeaderBytes + header.bytes;
    while (remaining > 0) {
      const size_t size = outbox_.front().size();
      EXPECT_LE(size, remaining);
      EXPECT_GT(size, 0u);
      if (size == 0 || size > remaining) break;
      outbox_.consume(size);
      remaining -= size;
    }
    for (auto& done : outbox_.take_done()) done.call(std::move(done.result));
    return header;
  }

  Outbox outbox_{{64 * KiB, 1 * MiB, 4 * MiB}};
  std::vector<Result<void>> results_;
};

TEST_F(OutboxTest, ShortFramesGoBetweenThePiecesOfLongOnes) {
  outbox_.grant(Lane::bulk, 8 * MiB);
  outbox_.grant(Lane::ordered, 8 * MiB);
  ASSERT_TRUE(outbox_.push(frame(Lane::bulk, 600 * KiB), kOutboxStart));
  EXPECT_EQ(piece().lane, Lane::bulk);
  ASSERT_TRUE(outbox_.push(frame(Lane::ordered, 100), kOutboxStart));
  ASSERT_TRUE(outbox_.push(frame(Lane::urgent, 10), kOutboxStart));
  outbox_.push_link(ControlType::ping, wire::encode(wire::Ping{}));
  EXPECT_EQ(piece().bytes, 8 + wire::encode(wire::Ping{}).size());
  EXPECT_EQ(piece(), (wire::PieceHeader{.lane = Lane::urgent, .first = true, .last = true, .bytes = 18}));
  EXPECT_EQ(piece(), (wire::PieceHeader{.lane = Lane::ordered, .first = true, .last = true, .bytes = 108}));
  EXPECT_EQ(results_.size(), 2u);
  EXPECT_EQ(piece(), (wire::PieceHeader{.lane = Lane::bulk, .bytes = 256 * KiB}));
  EXPECT_EQ(piece(), (wire::PieceHeader{.lane = Lane::bulk, .last = true, .bytes = 88 * KiB}));
  EXPECT_EQ(results_.size(), 3u);
  EXPECT_TRUE(outbox_.front().empty());
}

TEST_F(OutboxTest, NothingLeavesThatWasNotGranted) {
  ASSERT_TRUE(outbox_.push(frame(Lane::ordered, 300 * KiB), kOutboxStart));
  EXPECT_TRUE(outbox_.front().empty());
  outbox_.grant(Lane::ordered, 10 * KiB);
  EXPECT_TRUE(outbox_.front().empty()) << "too little for a piece that is worth it";
  outbox_.grant(Lane::ordered, 100 * KiB);
  EXPECT_EQ(piece().bytes, 100 * KiB);
  EXPECT_TRUE(outbox_.front().empty());
  outbox_.grant(Lane::ordered, 50 * KiB);  // a delayed, smaller grant
  EXPECT_TRUE(outbox_.front().empty());
  outbox_.grant(Lane::ordered, 1 * MiB);
  EXPECT_EQ(piece().bytes, 200 * KiB + 8);
  EXPECT_TRUE(results_.at(0));
}

TEST_F(OutboxTest, AFullLaneRefusesAndReportsWhenItIsWritable) {
  outbox_.grant(Lane::ordered, 8 * MiB);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(outbox_.push(frame(Lane::ordered, 300 * KiB), kOutboxStart));
  const auto refused = outbox_.push(frame(Lane::ordered, 300 * KiB), kOutboxStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::resource_exhausted);
  EXPECT_TRUE(outbox_.take_writable_lanes().empty());
  piece(), piece();
  EXPECT_TRUE(outbox_.take_writable_lanes().empty()) << "still more than half";
  piece(), piece();
  EXPECT_EQ(outbox_.take_writable_lanes(), std::vector{Lane::ordered});
  EXPECT_TRUE(outbox_.take_writable_lanes().empty()) << "reported once";
  EXPECT_TRUE(outbox_.push(frame(Lane::ordered, 300 * KiB), kOutboxStart));
}

TEST_F(OutboxTest, FramesNotInTimeAreGivenUp) {
  outbox_.grant(Lane::bulk, 8 * MiB);
  auto late = frame(Lane::bulk, 1 * MiB);
  late.within = 5ms;
  auto later = frame(Lane::bulk, 10);
  later.within = 50ms;
  ASSERT_TRUE(outbox_.push(std::move(late), kOutboxStart));
  ASSERT_TRUE(outbox_.push(std::move(later), kOutboxStart));
  EXPECT_EQ(outbox_.next_deadline(), kOutboxStart + 5ms);
  piece();
  outbox_.expire(kOutboxStart + 4ms);
  EXPECT_EQ(outbox_.next_deadline(), kOutboxStart + 5ms);
  outbox_.expire(kOutboxStart + 5ms);
  EXPECT_EQ(outbox_.next_deadline(), kOutboxStart + 50ms);
  EXPECT_EQ(piece(), (wire::PieceHeader{.lane = Lane::bulk, .last = true, .abandoned = true}));
  ASSERT_EQ(results_.size(), 1u);
  EXPECT_EQ(results_[0].error().code, ErrorCode::deadline_exceeded);
  outbox_.expire(kOutboxStart + 1s);
  EXPECT_TRUE(outbox_.front().empty());
  EXPECT_EQ(outbox_.next_deadline(), std::nullopt);
  EXPECT_EQ(outbox_.queued_bytes(), 0u);
}

TEST_F(OutboxTest, ACancelledFrameNeverStopsInTheMiddleOfAPiece) {
  outbox_.grant(Lane::bulk, 8 * MiB);
  const auto id = outbox_.push(frame(Lane::bulk, 600 * KiB), kOutboxStart);
  ASSERT_TRUE(id);
  outbox_.consume(outbox_.front().size());  // the headers
  outbox_.consume(1000);
  outbox_.cancel(*id, {.code = ErrorCode::cancelled, .message = ""});
  EXPECT_EQ(outbox_.front().size(), 256 * KiB - 1000);
  outbox_.consume(256 * KiB - 1000);
  EXPECT_FALSE(outbox_.has_done());
  EXPECT_TRUE(piece().abandoned);
  EXPECT_EQ(results_.at(0).error().code, ErrorCode::cancelled);
  outbox_.cancel(*id, {.code = ErrorCode::cancelled, .message = ""});
  EXPECT_TRUE(outbox_.front().empty());
}

TEST_F(OutboxTest, AMessageOfTheLinkReplacesAnOlderOneThatWaits) {
  outbox_.push_link(ControlType::credit, wire::encode(wire::Credit{.ordered_bytes = 1, .bulk_bytes = 1}));
  outbox_.push_link(ControlType::ping, wire::encode(wire::Ping{.sent_us = 1}));
  outbox_.push_link(ControlType::credit, wire::encode(wire::Credit{.ordered_bytes = 2, .bulk_bytes = 2}));
  piece(), piece();
  EXPECT_TRUE(outbox_.front().empty());
}

TEST_F(OutboxTest, RefusesWhatMayNotBeSent) {
  EXPECT_EQ(outbox_.push(frame(Lane::urgent, 65 * KiB), kOutboxStart).error().code, ErrorCode::invalid_argument);
  auto activation = frame(Lane::ordered, 100);
  activation.header.of = wire::Activation{.rows = 1, .columns = 26, .dtype = wire::Dtype::f32};
  EXPECT_EQ(outbox_.push(std::move(activation), kOutboxStart).error().code, ErrorCode::invalid_argument);
  auto bulk = frame(Lane::bulk, 100);
  bulk.lane = Lane::urgent;
  EXPECT_EQ(outbox_.push(std::move(bulk), kOutboxStart).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace exogpu::net
