#include "security/pairing/exchange.h"

#include <string_view>

namespace exogpu::security {
namespace {

constexpr std::string_view kLabel = "exogpu pairing 1";

// All messages, each part preceded by its length.
Sha256 transcript(const wire::PairingHello& hello, const wire::PairingRounds& rounds, const wire::PairingProof& proof,
                  const PairingConnection& connection) {
  Sha256Stream stream;
  auto add = [&](std::span<const std::byte> part) {
    const auto size = static_cast<uint32_t>(part.size());
    const std::array length{std::byte(size >> 24), std::byte(size >> 16), std::byte(size >> 8), std::byte(size)};
    stream.update(length);
    stream.update(part);
  };
  add(std::as_bytes(std::span(kLabel)));
  add(wire::encode(hello));
  add(rounds.round_one);
  add(rounds.round_two);
  add(std::as_bytes(rounds.cluster.bytes()));
  add(proof.round_two);
  add(proof.certificate_request);
  add(std::as_bytes(connection.member.bytes()));
  add(connection.session);
  return stream.finish();
}

Sha256 confirmation(const Sha256& key, JpakeRole of, const Sha256& transcript) {
  const std::string_view role = of == JpakeRole::newcomer ? "newcomer" : "member";
  wire::ByteVector bytes(transcript.begin(), transcript.end());
  for (const std::byte letter : std::as_bytes(std::span(role))) bytes.push_back(letter);
  return hmac_sha256(key, bytes);
}

}  // namespace

Result<std::pair<PairingNewcomer, wire::PairingHello>> PairingNewcomer::begin(const PairingCode& code,
                                                                              wire::CodeFrom from) {
  EXO_TRY(Jpake jpake, Jpake::begin(JpakeRole::newcomer, code.digits()));
  wire::PairingHello hello{.versions = wire::own_versions(), .round_one = {}, .code_from = from};
  EXO_TRY(hello.round_one, jpake.write_one());
  return std::pair(PairingNewcomer(std::move(jpake), hello), hello);
}

Result<wire::PairingProof> PairingNewcomer::prove(const wire::PairingOffer& offer, const PairingConnection& connection,
                                                  wire::ByteVector certificate_request) {
  if (!offer.answer) return std::unexpected(offer.answer.error());
  EXO_CHECK(jpake_.read_one(offer.answer->round_one));
  EXO_CHECK(jpake_.read_two(offer.answer->round_two));
  wire::PairingProof proof{.round_two = {}, .confirmation = {}, .certificate_request = std::move(certificate_request)};
  EXO_TRY(proof.round_two, jpake_.write_two());
  EXO_TRY(const Sha256 key, jpake_.key());
  const Sha256 hash = transcript(hello_, *offer.answer, proof, connection);
  proof.confirmation = confirmation(key, JpakeRole::newcomer, hash);
  expected_ = confirmation(key, JpakeRole::member, hash);
  return proof;
}

Result<void> PairingNewcomer::check(const wire::PairingResult& result) const {
  if (!result.answer) return std::unexpected(result.answer.error());
  if (equal_secrets(result.answer->confirmation, expected_)) return {};
  return fail(ErrorCode::unauthenticated,
              "the other device does not know the code: it is the wrong device, or somebody interferes");
}

Result<std::pair<PairingMember, wire::PairingOffer>> PairingMember::answer(const PairingCode& code,
                                                                           const wire::PairingHello& hello,
                                                                           wire::ClusterId cluster,
                                                                           const PairingConnection& connection) {
  EXO_CHECK(wire::negotiate(wire::own_versions(), hello.versions));
  EXO_TRY(Jpake jpake, Jpake::begin(JpakeRole::member, code.digits()));
  wire::PairingRounds rounds{.round_one = {}, .round_two = {}, .cluster = cluster};
  EXO_TRY(rounds.round_one, jpake.write_one());
  EXO_CHECK(jpake.read_one(hello.round_one));
  EXO_TRY(rounds.round_two, jpake.write_two());
  wire::PairingOffer offer{.answer = rounds};
  return std::pair(PairingMember(std::move(jpake), hello, std::move(rounds), connection), std::move(offer));
}

Result<wire::Confirmation> PairingMember::verify(const wire::PairingProof& proof) && {
  EXO_CHECK(jpake_.read_two(proof.round_two));
  EXO_TRY(const Sha256 key, jpake_.key());
  const Sha256 hash = transcript(hello_, rounds_, proof, connection_);
  if (!equal_secrets(proof.confirmation, confirmation(key, JpakeRole::newcomer, hash))) {
    return fail(
        ErrorCode::unauthenticated,
        "the code is wrong, or somebody interferes between the two devices; this code is used up, use a new one");
  }
  return confirmation(key, JpakeRole::member, hash);
}

}  // namespace exogpu::security
