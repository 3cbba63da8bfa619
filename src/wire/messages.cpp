#include "wire/messages.h"

#include <cstring>
#include <optional>

#include "base/utf8.h"
#include "proto/link.pb.h"
#include "wire/proto_coding.h"

namespace exogpu::wire {
namespace {

template <typename Message>
Result<Versions> versions_of(const Message& message, std::string_view name) {
  if (message.program_version().size() > kProgramVersionCharsMax ||
      printable(message.program_version()) != message.program_version()) {
    return fail(ErrorCode::corrupt, "a {} message whose program version is too long or not text", name);
  }
  if (message.protocol_min() == 0 || message.protocol_min() > message.protocol_max()) {
    return fail(ErrorCode::corrupt, "a {} message with the protocols {} to {}", name, message.protocol_min(),
                message.protocol_max());
  }
  return Versions{.program = message.program_version(),
                  .protocol_min = message.protocol_min(),
                  .protocol_max = message.protocol_max()};
}

template <typename Message>
void set_versions(Message& message, const Versions& versions) {
  message.set_program_version(versions.program);
  message.set_protocol_min(versions.protocol_min);
  message.set_protocol_max(versions.protocol_max);
}

Result<void> check_window(Bytes window) {
  if (window >= kWindowBytesMin && window <= kWindowBytesMax) return {};
  return fail(ErrorCode::corrupt, "a hello message with a window of {}; {} to {} are allowed", format_bytes(window),
              format_bytes(kWindowBytesMin), format_bytes(kWindowBytesMax));
}

Result<Confirmation> confirmation_of(const std::string& field, std::string_view name) {
  Confirmation confirmation{};
  if (field.size() != confirmation.size()) {
    return fail(ErrorCode::corrupt, "a {} message whose confirmation is not {} bytes", name, kConfirmationBytes);
  }
  std::memcpy(confirmation.data(), field.data(), field.size());
  return confirmation;
}

// The fields that both kinds of admission share.
template <typename Message>
void set_grant(Message& message, const JoinGrant& grant) {
  message.set_certificate(text_of(grant.certificate));
  message.set_authority_certificate(text_of(grant.authority));
  message.set_authority_key(text_of(grant.authority_key));
  message.set_roles(text_of(grant.roles));
}

template <typename Message>
Result<JoinGrant> grant_of(const Message& message, std::string_view name) {
  JoinGrant grant;
  EXO_TRY(grant.certificate,
          blob(message.certificate(), kCertificateBytesMax, std::format("the certificate of a {}", name)));
  EXO_TRY(grant.authority,
          blob(message.authority_certificate(), kCertificateBytesMax, std::format("the authority of a {}", name)));
  if (!message.authority_key().empty()) {
    EXO_TRY(grant.authority_key,
            blob(message.authority_key(), kPrivateKeyBytesMax, std::format("the authority's key of a {}", name)));
  }
  if (!message.roles().empty()) {
    EXO_TRY(grant.roles, blob(message.roles(), kRolesBytesMax, std::format("the roles of a {}", name)));
  }
  return grant;
}

}  // namespace

ByteVector encode(const Hello& message) {
  proto::Hello out;
  set_versions(out, message.versions);
  out.set_node_id(text_of(message.node));
  out.set_cluster_id(text_of(message.cluster));
  out.set_incarnation(message.incarnation);
  out.set_ordered_window_bytes(message.ordered_window);
  out.set_bulk_window_bytes(message.bulk_window);
  out.set_clock_s(message.clock_s);
  return serialize(out);
}

Result<Versions> decode_hello_versions(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Hello>(bytes, "hello"));
  return versions_of(in, "hello");
}

template <>
Result<Hello> decode<Hello>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Hello>(bytes, "hello"));
  EXO_TRY(Versions versions, versions_of(in, "hello"));
  const auto node = NodeId::from_bytes(bytes_of(in.node_id()));
  const auto cluster = ClusterId::from_bytes(bytes_of(in.cluster_id()));
  if (!node || !cluster) {
    return fail(ErrorCode::corrupt, "a hello message whose {} id is not {} bytes", node ? "cluster" : "node",
                kKeyHashBytes);
  }
  EXO_CHECK(check_window(in.ordered_window_bytes()));
  EXO_CHECK(check_window(in.bulk_window_bytes()));
  if (in.clock_s() > kClockMax) return fail(ErrorCode::corrupt, "a hello message with a clock after the year 2242");
  return Hello{.versions = std::move(versions),
               .node = *node,
               .cluster = *cluster,
               .incarnation = in.incarnation(),
               .ordered_window = in.ordered_window_bytes(),
               .bulk_window = in.bulk_window_bytes(),
               .clock_s = in.clock_s()};
}

ByteVector encode(const Ping& message) {
  proto::Ping out;
  out.set_sent_us(message.sent_us);
  return serialize(out);
}

template <>
Result<Ping> decode<Ping>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Ping>(bytes, "ping"));
  return Ping{.sent_us = in.sent_us()};
}

ByteVector encode(const Pong& message) {
  proto::Pong out;
  out.set_ping_sent_us(message.ping_sent_us);
  out.set_answered_us(message.answered_us);
  return serialize(out);
}

template <>
Result<Pong> decode<Pong>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Pong>(bytes, "pong"));
  return Pong{.ping_sent_us = in.ping_sent_us(), .answered_us = in.answered_us()};
}

ByteVector encode(const Credit& message) {
  proto::Credit out;
  out.set_ordered_bytes(message.ordered_bytes);
  out.set_bulk_bytes(message.bulk_bytes);
  return serialize(out);
}

template <>
Result<Credit> decode<Credit>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Credit>(bytes, "credit"));
  return Credit{.ordered_bytes = in.ordered_bytes(), .bulk_bytes = in.bulk_bytes()};
}

ByteVector encode(const Goodbye& message) {
  proto::Goodbye out;
  out.set_code(std::string(to_string(message.reason.code)));
  out.set_message(cut(message.reason.message, kReasonCharsMax));
  return serialize(out);
}

template <>
Result<Goodbye> decode<Goodbye>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::Goodbye>(bytes, "goodbye"));
  EXO_TRY(Error reason, error_of(in.code(), in.message(), "goodbye"));
  return Goodbye{.reason = std::move(reason)};
}

ByteVector encode(const JoinRequest& message) {
  proto::JoinRequest out;
  set_versions(out, message.versions);
  out.set_token_secret(text_of(message.token_secret));
  out.set_certificate_request(text_of(message.certificate_request));
  return serialize(out);
}

template <>
Result<JoinRequest> decode<JoinRequest>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::JoinRequest>(bytes, "join"));
  EXO_TRY(Versions versions, versions_of(in, "join"));
  EXO_TRY(auto secret, blob(in.token_secret(), kTokenSecretBytesMax, "the token of a join message"));
  EXO_TRY(auto request, blob(in.certificate_request(), kCertificateBytesMax, "the request of a join message"));
  return JoinRequest{
      .versions = std::move(versions), .token_secret = std::move(secret), .certificate_request = std::move(request)};
}

ByteVector encode(const JoinResponse& message) {
  proto::JoinResponse out;
  if (message.answer) {
    set_grant(out, *message.answer);
  } else {
    out.set_refusal_code(std::string(to_string(message.answer.error().code)));
    out.set_refusal_message(cut(message.answer.error().message, kReasonCharsMax));
  }
  return serialize(out);
}

template <>
Result<JoinResponse> decode<JoinResponse>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::JoinResponse>(bytes, "join answer"));
  if (!in.refusal_code().empty()) {
    EXO_TRY(Error refusal, error_of(in.refusal_code(), in.refusal_message(), "join answer"));
    return JoinResponse{.answer = std::unexpected(std::move(refusal))};
  }
  EXO_TRY(JoinGrant grant, grant_of(in, "join answer"));
  return JoinResponse{.answer = std::move(grant)};
}

ByteVector encode(const PairingHello& message) {
  proto::PairingHello out;
  set_versions(out, message.versions);
  out.set_round_one(text_of(message.round_one));
  out.set_code_from_newcomer(message.code_from == CodeFrom::newcomer);
  return serialize(out);
}

template <>
Result<PairingHello> decode<PairingHello>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::PairingHello>(bytes, "pairing"));
  EXO_TRY(Versions versions, versions_of(in, "pairing"));
  EXO_TRY(auto round_one, blob(in.round_one(), kPairingRoundBytesMax, "the first round of a pairing message"));
  return PairingHello{.versions = std::move(versions),
                      .round_one = std::move(round_one),
                      .code_from = in.code_from_newcomer() ? CodeFrom::newcomer : CodeFrom::member};
}

ByteVector encode(const PairingOffer& message) {
  proto::PairingOffer out;
  if (message.answer) {
    out.set_round_one(text_of(message.answer->round_one));
    out.set_round_two(text_of(message.answer->round_two));
    out.set_cluster_id(text_of(message.answer->cluster));
  } else {
    out.set_refusal_code(std::string(to_string(message.answer.error().code)));
    out.set_refusal_message(cut(message.answer.error().message, kReasonCharsMax));
  }
  return serialize(out);
}

template <>
Result<PairingOffer> decode<PairingOffer>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::PairingOffer>(bytes, "pairing offer"));
  if (!in.refusal_code().empty()) {
    EXO_TRY(Error refusal, error_of(in.refusal_code(), in.refusal_message(), "pairing offer"));
    return PairingOffer{.answer = std::unexpected(std::move(refusal))};
  }
  EXO_TRY(auto round_one, blob(in.round_one(), kPairingRoundBytesMax, "the first round of a pairing offer"));
  EXO_TRY(auto round_two, blob(in.round_two(), kPairingRoundBytesMax, "the second round of a pairing offer"));
  const auto cluster = ClusterId::from_bytes(bytes_of(in.cluster_id()));
  if (!cluster) return fail(ErrorCode::corrupt, "a pairing offer whose cluster id is not {} bytes", kKeyHashBytes);
  return PairingOffer{.answer = PairingRounds{
                          .round_one = std::move(round_one), .round_two = std::move(round_two), .cluster = *cluster}};
}

ByteVector encode(const PairingProof& message) {
  proto::PairingProof out;
  out.set_round_two(text_of(message.round_two));
  out.set_confirmation(text_of(message.confirmation));
  out.set_certificate_request(text_of(message.certificate_request));
  out.set_name(cut(printable(message.name), kPairingNameCharsMax));
  return serialize(out);
}

template <>
Result<PairingProof> decode<PairingProof>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::PairingProof>(bytes, "pairing proof"));
  EXO_TRY(auto round_two, blob(in.round_two(), kPairingRoundBytesMax, "the second round of a pairing proof"));
  EXO_TRY(const Confirmation confirmation, confirmation_of(in.confirmation(), "pairing proof"));
  EXO_TRY(auto request, blob(in.certificate_request(), kCertificateBytesMax, "the request of a pairing proof"));
  if (in.name().size() > kPairingNameCharsMax || printable(in.name()) != in.name()) {
    return fail(ErrorCode::corrupt, "the name of a pairing proof is too long or not text");
  }
  return PairingProof{.round_two = std::move(round_two),
                      .confirmation = confirmation,
                      .certificate_request = std::move(request),
                      .name = in.name()};
}

ByteVector encode(const PairingResult& message) {
  proto::PairingResult out;
  if (message.answer) {
    out.set_confirmation(text_of(message.answer->confirmation));
    set_grant(out, message.answer->grant);
  } else {
    out.set_refusal_code(std::string(to_string(message.answer.error().code)));
    out.set_refusal_message(cut(message.answer.error().message, kReasonCharsMax));
  }
  return serialize(out);
}

template <>
Result<PairingResult> decode<PairingResult>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::PairingResult>(bytes, "pairing result"));
  if (!in.refusal_code().empty()) {
    EXO_TRY(Error refusal, error_of(in.refusal_code(), in.refusal_message(), "pairing result"));
    return PairingResult{.answer = std::unexpected(std::move(refusal))};
  }
  EXO_TRY(const Confirmation confirmation, confirmation_of(in.confirmation(), "pairing result"));
  EXO_TRY(JoinGrant grant, grant_of(in, "pairing result"));
  return PairingResult{.answer = PairingGrant{.confirmation = confirmation, .grant = std::move(grant)}};
}

}  // namespace exogpu::wire
