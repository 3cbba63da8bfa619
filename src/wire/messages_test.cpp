#include "wire/messages.h"

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "wire/testing/messages.h"

namespace exogpu::wire {
namespace {

using namespace testing;

std::array<uint8_t, kKeyHashBytes> filled(uint8_t value) {
  std::array<uint8_t, kKeyHashBytes> bytes;
  bytes.fill(value);
  return bytes;
}

Hello some_hello() {
  return {.versions = {.program = "0.1.0", .protocol_min = 1, .protocol_max = 2},
          .node = NodeId(filled(0xAB)),
          .cluster = ClusterId(filled(0x01)),
          .incarnation = 0xFEDCBA9876543210,
          .ordered_window = 3 * MiB,
          .bulk_window = 5 * MiB};
}

TEST(Messages, RoundTrip) {
  EXPECT_EQ(decode<Hello>(encode(some_hello())).value(), some_hello());
  EXPECT_EQ(decode<Ping>(encode(Ping{.sent_us = 5})).value(), Ping{.sent_us = 5});
  const Pong pong{.ping_sent_us = 7, .answered_us = UINT64_MAX};
  EXPECT_EQ(decode<Pong>(encode(pong)).value(), pong);
  const Credit credit{.ordered_bytes = 1, .bulk_bytes = uint64_t{1} << 50};
  EXPECT_EQ(decode<Credit>(encode(credit)).value(), credit);

  const ByteVector one{std::byte{1}}, two{std::byte{2}, std::byte{0}};
  const auto request = decode<JoinRequest>(
      encode(JoinRequest{.versions = own_versions(), .token_secret = one, .certificate_request = two}));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->versions, own_versions());
  EXPECT_EQ(request->token_secret, one);
  EXPECT_EQ(request->certificate_request, two);
  for (const ByteVector& key : {ByteVector{}, ByteVector{std::byte{3}}}) {
    const auto granted = decode<JoinResponse>(
        encode(JoinResponse{.answer = JoinGrant{.certificate = two, .authority = one, .authority_key = key}}));
    ASSERT_TRUE(granted && granted->answer);
    EXPECT_EQ(granted->answer->certificate, two);
    EXPECT_EQ(granted->answer->authority, one);
    EXPECT_EQ(granted->answer->authority_key, key);
  }
}

TEST(Messages, OfPairingRoundTrip) {
  const ByteVector one{std::byte{1}}, two{std::byte{2}, std::byte{0}};
  Confirmation confirmation{};
  confirmation[5] = std::byte{7};
  const PairingHello hello{.versions = own_versions(), .round_one = one};
  EXPECT_EQ(decode<PairingHello>(encode(hello)).value(), hello);
  const PairingHello own_code{.versions = own_versions(), .round_one = one, .code_from = CodeFrom::newcomer};
  EXPECT_EQ(decode<PairingHello>(encode(own_code)).value(), own_code);
  const auto offer = decode<PairingOffer>(encode(
      PairingOffer{.answer = PairingRounds{.round_one = one, .round_two = two, .cluster = ClusterId(filled(3))}}));
  ASSERT_TRUE(offer && offer->answer);
  EXPECT_EQ(offer->answer->round_one, one);
  EXPECT_EQ(offer->answer->round_two, two);
  EXPECT_EQ(offer->answer->cluster, ClusterId(filled(3)));
  const PairingProof proof{.round_two = two, .confirmation = confirmation, .certificate_request = one};
  EXPECT_EQ(decode<PairingProof>(encode(proof)).value(), proof);
  PairingProof named = proof;
  named.name = "d\u00e9sk";
  EXPECT_EQ(decode<PairingProof>(encode(named)).value(), named);
  named.name = "\x1b[2J" + std::string(300, 'x');
  const auto name = decode<PairingProof>(encode(named)).value().name;
  EXPECT_EQ(name.size(), kPairingNameCharsMax);
  EXPECT_EQ(printable(name), name);
  const auto result = decode<PairingResult>(encode(
      PairingResult{.answer = PairingGrant{.confirmation = confirmation,
                                           .grant = {.certificate = two, .authority = one, .authority_key = two}}}));
  ASSERT_TRUE(result && result->answer);
  EXPECT_EQ(result->answer->confirmation, confirmation);
  EXPECT_EQ(result->answer->grant.certificate, two);
  EXPECT_EQ(result->answer->grant.authority, one);
  EXPECT_EQ(result->answer->grant.authority_key, two);
  const Error no{.code = ErrorCode::failed_precondition, .message = "no code is shown"};
  EXPECT_EQ(decode<PairingOffer>(encode(PairingOffer{.answer = std::unexpected(no)})).value().answer.error().message,
            no.message);
  EXPECT_EQ(decode<PairingResult>(encode(PairingResult{.answer = std::unexpected(no)})).value().answer.error().code,
            no.code);
}

TEST(Messages, OfPairingThatLackAPartAreRefused) {
  const ByteVector one{std::byte{1}};
  expect_corrupt<PairingHello>(encode(PairingHello{.versions = own_versions(), .round_one = {}}), "first round");
  expect_corrupt<PairingHello>(encode(PairingHello{.versions = own_versions(), .round_one = ByteVector(1025)}),
                               "1,024");
  expect_corrupt<PairingOffer>(encode(PairingOffer{.answer = PairingRounds{.round_one = one, .round_two = {}}}),
                               "second round");
  expect_corrupt<PairingOffer>({}, "first round");
  expect_corrupt<PairingProof>(encode(PairingProof{.round_two = one, .confirmation = {}, .certificate_request = {}}),
                               "request");
  expect_corrupt<PairingProof>({}, "second round");
  const PairingProof named{.round_two = one, .confirmation = {}, .certificate_request = one, .name = "desk"};
  auto unnamed = encode(named);
  unnamed.back() = std::byte{0x1b};
  expect_corrupt<PairingProof>(unnamed, "the name of a pairing proof");
  expect_corrupt<PairingResult>({}, "confirmation");
  expect_corrupt<PairingResult>(encode(PairingResult{.answer = PairingGrant{}}), "certificate");
}

TEST(Messages, AnErrorCrossesWithItsCode) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code) {
    const Error reason{.code = static_cast<ErrorCode>(code), .message = "node 12: the disk is full"};
    const auto goodbye = decode<Goodbye>(encode(Goodbye{.reason = reason}));
    ASSERT_TRUE(goodbye);
    EXPECT_EQ(goodbye->reason.code, reason.code);
    EXPECT_EQ(goodbye->reason.message, reason.message);
    const auto refused = decode<JoinResponse>(encode(JoinResponse{.answer = std::unexpected(reason)}));
    ASSERT_TRUE(refused && !refused->answer);
    EXPECT_EQ(refused->answer.error().code, reason.code);
  }
}

TEST(Messages, LongAndBrokenTextIsCutAndMadePrintable) {
  std::string text(kReasonCharsMax - 1, 'x');
  text += "\xC3\xA4";  // one character of two bytes, of which only the first would fit
  const auto cut = decode<Goodbye>(encode(Goodbye{.reason = {.code = ErrorCode::internal, .message = text}}));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->reason.message, std::string(kReasonCharsMax - 1, 'x'));
  const auto broken =
      decode<Goodbye>(encode(Goodbye{.reason = {.code = ErrorCode::internal, .message = "\x1b[2J\xFF"}}));
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->reason.message, printable("\x1b[2J\xFF"));
}

TEST(Messages, RefusesWhatIsNoMessage) {
  expect_corrupt<Hello>({std::byte{0xFF}, std::byte{0xFF}}, "a broken hello message");
  expect_corrupt<Ping>({std::byte{0x09}, std::byte{1}}, "a broken ping message");
  auto bytes = encode(some_hello());
  bytes.resize(bytes.size() - 1);
  expect_corrupt<Hello>(bytes, "a broken hello message");
  expect_corrupt<Hello>({}, "protocols 0 to 0");
}

TEST(Messages, RefusesAHelloOutOfBounds) {
  auto hello = some_hello();
  hello.versions = {.program = "1", .protocol_min = 3, .protocol_max = 2};
  expect_corrupt<Hello>(encode(hello), "the protocols 3 to 2");
  hello = some_hello();
  hello.bulk_window = 10;
  expect_corrupt<Hello>(encode(hello), "a window of 10 B");
  hello.bulk_window = UINT64_MAX;
  expect_corrupt<Hello>(encode(hello), "a window of");
}

TEST(Messages, TheVersionsOfAHelloCanBeReadWhateverElseItContains) {
  // Fields 1 to 3 and an unknown field 90, but no ids.
  const std::string later{
      "\x08\x04\x10\x05\x1A\x03"
      "9.9"
      "\xD2\x05\x01?",
      13};
  const auto bytes = std::as_bytes(std::span(later));
  expect_corrupt<Hello>({bytes.begin(), bytes.end()}, "node id is not 16 bytes");
  const auto versions = decode_hello_versions(bytes);
  ASSERT_TRUE(versions) << versions.error().message;
  EXPECT_EQ(*versions, (Versions{.program = "9.9", .protocol_min = 4, .protocol_max = 5}));
}

TEST(Messages, RefusesAJoinWithoutItsParts) {
  JoinRequest request{.versions = own_versions(), .token_secret = {}, .certificate_request = ByteVector(10)};
  expect_corrupt<JoinRequest>(encode(request), "the token of a join message is missing");
  request.token_secret = ByteVector(65);
  expect_corrupt<JoinRequest>(encode(request), "has 65 bytes, at most 64");
  request.token_secret = ByteVector(10);
  request.certificate_request = ByteVector(9000);
  expect_corrupt<JoinRequest>(encode(request), "has 9,000 bytes, at most 8,192");
  expect_corrupt<JoinResponse>({}, "the certificate of a join answer is missing");
  const ByteVector one(1);
  expect_corrupt<JoinResponse>(
      encode(
          JoinResponse{.answer = JoinGrant{.certificate = one, .authority = one, .authority_key = ByteVector(1025)}}),
      "the authority's key of a join answer has 1,025 bytes, at most 1,024");
}

TEST(NodeIdText, IsReadAsItIsWritten) {
  const NodeId id(filled(0xAB));
  EXPECT_EQ(id.text(), "abababababababababababababababab");
  EXPECT_EQ(NodeId::parse(id.text()), id);
  EXPECT_EQ(NodeId::parse("ab"), std::nullopt);
  EXPECT_EQ(NodeId::parse("ABababababababababababababababab"), std::nullopt);
  EXPECT_EQ(NodeId::parse("gbababababababababababababababab"), std::nullopt);
}

}  // namespace
}  // namespace exogpu::wire
