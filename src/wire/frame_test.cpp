#include "wire/frame.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/testing/expect.h"

namespace exogpu::wire {
namespace {

using exogpu::testing::expect_error;

constexpr Activation kRows{.epoch = PlanEpoch(0x1122334455667788),
                           .sequence = SeqId(7),
                           .position = 1000,
                           .rows = 3,
                           .columns = 64,
                           .dtype = Dtype::q8_0};

Result<PieceHeader> decode_changed(const PieceHeader& piece, size_t at, uint8_t value) {
  auto bytes = encode(piece);
  bytes[at] = std::byte{value};
  return decode_piece(bytes);
}

TEST(Frame, ThePieceHeaderIsLaidOutAsDocumented) {
  const auto bytes = encode(PieceHeader{.lane = Lane::bulk, .first = false, .last = true, .bytes = 0x00010203});
  const std::array<uint8_t, 8> expected{0xE5, 1, 2, 2, 3, 2, 1, 0};
  for (size_t i = 0; i < 8; ++i) EXPECT_EQ(std::to_integer<uint8_t>(bytes[i]), expected[i]) << i;
}

TEST(Frame, TheActivationHeaderIsLaidOutAsDocumented) {
  const auto header = encode(FrameHeader{.of = kRows, .payload_bytes = 204});
  const std::array<uint8_t, 32> expected{2, 4, 0, 0, 204,  0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
                                         7, 0, 0, 0, 0xE8, 3, 0, 0, 3,    0,    0,    0,    64,   0,    0,    0};
  ASSERT_EQ(header.size, 32u);
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ(std::to_integer<uint8_t>(header.bytes[i]), expected[i]) << i;
}

TEST(Frame, HeadersRoundTrip) {
  const std::vector<std::pair<FrameHeader, Lane>> headers{
      {{.of = Control{ControlType::hello}, .payload_bytes = 17}, Lane::urgent},
      {{.of = Control{static_cast<ControlType>(999)}, .payload_bytes = 0}, Lane::ordered},
      {{.of = kRows, .payload_bytes = 204}, Lane::ordered},
      {{.of = Bulk{.transfer = TransferId(5), .offset = uint64_t{1} << 40}, .payload_bytes = 64 * MiB}, Lane::bulk}};
  for (const auto& [header, lane] : headers) {
    const auto encoded = encode(header);
    auto size = frame_header_bytes(std::span(encoded.bytes).first<kFrameHeaderBytesMin>());
    ASSERT_TRUE(size);
    EXPECT_EQ(*size, encoded.size);
    auto decoded = decode_frame(encoded.span(), lane);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ(*decoded, header);
    EXPECT_TRUE(check_frame(header, lane));
  }
  const PieceHeader piece{.lane = Lane::ordered, .first = true, .last = false, .bytes = kPieceBytesMax};
  EXPECT_EQ(decode_piece(encode(piece)).value(), piece);
}

TEST(Frame, RefusesPiecesThatAreNone) {
  const PieceHeader good{.lane = Lane::ordered, .first = true, .last = true, .bytes = 8};
  expect_error(decode_changed(good, 0, 'G'), ErrorCode::corrupt, "begins with 0x47");
  expect_error(decode_changed(good, 1, 2), ErrorCode::unsupported, "layout 2, this node reads layout 1");
  expect_error(decode_changed(good, 2, 0x83), ErrorCode::corrupt, "unknown flags 0x83");
  expect_error(decode_changed(good, 3, 3), ErrorCode::corrupt, "lane 3");
  expect_error(decode_changed(good, 6, 5), ErrorCode::corrupt, "a piece of 327,688 bytes, at most 262,176");
  expect_error(decode_changed(good, 4, 7), ErrorCode::corrupt, "too few for the frame's header");
  expect_error(decode_changed({.lane = Lane::bulk, .bytes = 1}, 4, 0), ErrorCode::corrupt, "without bytes");
  expect_error(decode_changed(good, 2, 7), ErrorCode::corrupt, "abandons its frame and goes on");
  expect_error(decode_changed({.lane = Lane::bulk, .bytes = 1}, 2, 6), ErrorCode::corrupt, "abandons its frame");
  EXPECT_TRUE(decode_piece(encode({.lane = Lane::bulk, .last = true, .abandoned = true})));
}

TEST(Frame, RefusesHeadersThatContradictThemselves) {
  auto decode = [](const FrameHeader& header, Lane lane) { return decode_frame(encode(header).span(), lane); };
  expect_error(decode({.of = kRows, .payload_bytes = 203}, Lane::ordered), ErrorCode::corrupt,
               "an activation of 3 x 64 q8_0 with 203 bytes of payload");
  Activation odd = kRows;
  odd.columns = 65;  // a part of a block
  expect_error(decode({.of = odd, .payload_bytes = 204}, Lane::ordered), ErrorCode::corrupt, "3 x 65 q8_0");
  Activation none = kRows;
  none.rows = 0;
  expect_error(decode({.of = none, .payload_bytes = 0}, Lane::ordered), ErrorCode::corrupt, "0 x 64");
  // 2^32 columns of four bytes and 2^30 rows: the product is 0 modulo 2^64.
  const Activation huge{.rows = 1u << 30, .columns = 0xFFFFFFFF, .dtype = Dtype::f32};
  expect_error(decode({.of = huge, .payload_bytes = 0}, Lane::ordered), ErrorCode::corrupt, "an activation of");
  expect_error(decode({.of = kRows, .payload_bytes = 204}, Lane::urgent), ErrorCode::corrupt,
               "an activation in the urgent lane");
  expect_error(decode({.of = Bulk{}, .payload_bytes = 1}, Lane::ordered), ErrorCode::corrupt,
               "a bulk frame in the ordered lane");
  expect_error(decode({.of = Bulk{.offset = UINT64_MAX}, .payload_bytes = 1}, Lane::bulk), ErrorCode::corrupt, "2^64");
  expect_error(decode({.of = Control{ControlType::ping}, .payload_bytes = 1}, Lane::bulk), ErrorCode::corrupt,
               "a control frame in the bulk lane");
}

TEST(Frame, RefusesFramesTooLarge) {
  const FrameHeader urgent{.of = Control{ControlType::ping}, .payload_bytes = kUrgentBytesMax + 1};
  expect_error(decode_frame(encode(urgent).span(), Lane::urgent), ErrorCode::corrupt,
               "an urgent control frame of 65,537 bytes, at most 65,536");
  EXPECT_TRUE(decode_frame(encode(urgent).span(), Lane::ordered));
  const FrameHeader control{.of = Control{ControlType::ping}, .payload_bytes = kControlBytesMax + 1};
  expect_error(decode_frame(encode(control).span(), Lane::ordered), ErrorCode::corrupt,
               "a control frame of 4,194,305 bytes");
  const FrameHeader bulk{.of = Bulk{}, .payload_bytes = 0xFFFFFFFF};
  expect_error(decode_frame(encode(bulk).span(), Lane::bulk), ErrorCode::corrupt,
               "a bulk frame of 4,294,967,295 bytes");
  expect_error(check_frame(bulk, Lane::bulk), ErrorCode::invalid_argument, "a bulk frame of 4,294,967,295 bytes");
}

TEST(Frame, RefusesKindsAndTypesItDoesNotKnow) {
  auto bytes = encode(FrameHeader{.of = kRows, .payload_bytes = 204}).bytes;
  bytes[1] = std::byte{200};
  expect_error(decode_frame(bytes, Lane::ordered), ErrorCode::unsupported, "unknown element type 200");
  bytes[0] = std::byte{9};
  expect_error(decode_frame(bytes, Lane::ordered), ErrorCode::unsupported, "unknown kind 9");
  bytes[0] = std::byte{3};
  expect_error(decode_frame(std::span(bytes).first(24), Lane::bulk), ErrorCode::corrupt, "does not use");
  bytes[0] = std::byte{2};
  expect_error(decode_frame(std::span(bytes).first(31), Lane::ordered), ErrorCode::corrupt, "cut short");
  expect_error(decode_frame(std::span(bytes).first(3), Lane::ordered), ErrorCode::corrupt, "cut short");
}

}  // namespace
}  // namespace exogpu::wire
