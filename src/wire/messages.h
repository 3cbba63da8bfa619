// The control messages of a link (proto/link.proto).
//
// decode() accepts any bytes of a peer: it refuses other messages, missing parts, and text that is too long or not
// UTF-8. Errors: corrupt, naming the message and the field.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/frame.h"
#include "wire/node_id.h"
#include "wire/version.h"

namespace exogpu::wire {

using ByteVector = std::vector<std::byte>;

inline constexpr size_t kProgramVersionCharsMax = 64;
inline constexpr size_t kReasonCharsMax = 1000;
inline constexpr size_t kPairingNameCharsMax = 200;
inline constexpr Bytes kCertificateBytesMax = 8 * KiB;
inline constexpr Bytes kPrivateKeyBytesMax = 1 * KiB;
inline constexpr Bytes kSignatureBytesMax = 128;
inline constexpr Bytes kRolesBytesMax = 16 * KiB;  // of a newcomer
inline constexpr Bytes kTokenSecretBytesMax = 64;
inline constexpr Bytes kPairingRoundBytesMax = 1 * KiB;
inline constexpr size_t kConfirmationBytes = 32;
inline constexpr Bytes kWindowBytesMin = 1 * MiB;
inline constexpr Bytes kWindowBytesMax = 1 * GiB;
inline constexpr uint64_t kClockMax = uint64_t{1} << 33U;  // seconds since 1970: in the year 2242

// Proves nothing by itself; the certificate behind the link does.
struct Hello {
  static constexpr ControlType kType = ControlType::hello;
  Versions versions{};
  NodeId node{};
  ClusterId cluster{};
  uint64_t incarnation = 0;        // random, new with each start of the node
  Bytes ordered_window = 8 * MiB;  // bytes that the receiver may send before the sender grants more
  Bytes bulk_window = 16 * MiB;
  uint64_t clock_s = 0;  // what the sender's clock says, since 1970; 0 from older nodes
  friend bool operator==(const Hello&, const Hello&) = default;
};

// The versions in a Hello of any version of the protocol, so that a refusal can name them.
Result<Versions> decode_hello_versions(std::span<const std::byte> bytes);

struct Ping {
  static constexpr ControlType kType = ControlType::ping;
  uint64_t sent_us = 0;  // by the clock of the sender of the ping
  friend bool operator==(const Ping&, const Ping&) = default;
};

struct Pong {
  static constexpr ControlType kType = ControlType::pong;
  uint64_t ping_sent_us = 0;
  uint64_t answered_us = 0;  // by the clock of the sender of the reply
  friend bool operator==(const Pong&, const Pong&) = default;
};

// The bytes of pieces (without the 8 bytes of each piece's header) that may be sent in total since the link began.
struct Credit {
  static constexpr ControlType kType = ControlType::credit;
  uint64_t ordered_bytes = 0;
  uint64_t bulk_bytes = 0;
  friend bool operator==(const Credit&, const Credit&) = default;
};

struct Goodbye {
  static constexpr ControlType kType = ControlType::goodbye;
  Error reason;
};

struct JoinRequest {
  static constexpr ControlType kType = ControlType::join_request;
  Versions versions;
  ByteVector token_secret;
  ByteVector certificate_request;  // PKCS #10, DER
};

// Has a secret: sent only over a connection whose other end has proved that it may join.
struct JoinGrant {
  ByteVector certificate;      // DER, of the node that joins
  ByteVector authority;        // DER
  ByteVector authority_key{};  // PKCS #8, DER; empty: the node that joins is no owner
  ByteVector roles{};          // role.h; empty: the cluster has no roles
};
struct JoinResponse {
  static constexpr ControlType kType = ControlType::join_response;
  std::expected<JoinGrant, Error> answer;
};

// Which side generates and shows the pairing code. The member: a person types it on the newcomer. The newcomer: a
// person types it on the member and so approves the newcomer.
enum class CodeFrom : uint8_t { member, newcomer };

// The messages of a pairing, in this order. security/pairing/exchange.h explains their parts.
struct PairingHello {
  static constexpr ControlType kType = ControlType::pairing_hello;
  Versions versions;
  ByteVector round_one;
  CodeFrom code_from = CodeFrom::member;
  friend bool operator==(const PairingHello&, const PairingHello&) = default;
};

struct PairingRounds {
  ByteVector round_one;
  ByteVector round_two;
  ClusterId cluster{};
};
struct PairingOffer {
  static constexpr ControlType kType = ControlType::pairing_offer;
  std::expected<PairingRounds, Error> answer;
};

using Confirmation = std::array<std::byte, kConfirmationBytes>;

struct PairingProof {
  static constexpr ControlType kType = ControlType::pairing_proof;
  ByteVector round_two;
  Confirmation confirmation{};
  ByteVector certificate_request;  // PKCS #10, DER
  std::string name{};              // of the device that joins, for people; may be empty
  friend bool operator==(const PairingProof&, const PairingProof&) = default;
};

struct PairingGrant {
  Confirmation confirmation{};
  JoinGrant grant;
};
struct PairingResult {
  static constexpr ControlType kType = ControlType::pairing_result;
  std::expected<PairingGrant, Error> answer;
};

ByteVector encode(const Hello& message);
ByteVector encode(const Ping& message);
ByteVector encode(const Pong& message);
ByteVector encode(const Credit& message);
ByteVector encode(const Goodbye& message);  // cuts a message that is too long
ByteVector encode(const JoinRequest& message);
ByteVector encode(const JoinResponse& message);
ByteVector encode(const PairingHello& message);
ByteVector encode(const PairingOffer& message);
ByteVector encode(const PairingProof& message);
ByteVector encode(const PairingResult& message);

// decode<Hello>(bytes)
template <typename Message>
Result<Message> decode(std::span<const std::byte> bytes);
template <>
Result<Hello> decode<Hello>(std::span<const std::byte> bytes);
template <>
Result<Ping> decode<Ping>(std::span<const std::byte> bytes);
template <>
Result<Pong> decode<Pong>(std::span<const std::byte> bytes);
template <>
Result<Credit> decode<Credit>(std::span<const std::byte> bytes);
template <>
Result<Goodbye> decode<Goodbye>(std::span<const std::byte> bytes);
template <>
Result<JoinRequest> decode<JoinRequest>(std::span<const std::byte> bytes);
template <>
Result<JoinResponse> decode<JoinResponse>(std::span<const std::byte> bytes);
template <>
Result<PairingHello> decode<PairingHello>(std::span<const std::byte> bytes);
template <>
Result<PairingOffer> decode<PairingOffer>(std::span<const std::byte> bytes);
template <>
Result<PairingProof> decode<PairingProof>(std::span<const std::byte> bytes);
template <>
Result<PairingResult> decode<PairingResult>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
