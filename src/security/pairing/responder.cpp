#include "security/pairing/responder.h"

namespace exogpu::security {

Result<std::pair<PendingPairing, wire::PairingOffer>> PairingResponder::answer(const wire::PairingHello& hello,
                                                                               const PairingConnection& connection,
                                                                               WallTime now) {
  EXO_TRY(PairingCode code, store_.shown(hello.code_from, now));
  // A clock that was set back must not block pairing.
  while (!answered_.empty() && (answered_.front() <= now - kPairingAnswersWithin || answered_.front() > now)) {
    answered_.pop_front();
  }
  if (answered_.size() >= kPairingAnswersMax) {
    return fail(ErrorCode::resource_exhausted, "too many devices try to pair; wait {} s and try again",
                kPairingAnswersWithin.count());
  }
  answered_.push_back(now);
  EXO_TRY(auto made, PairingMember::answer(code, hello, responder_->cluster(), connection));
  return std::pair(PendingPairing(std::move(code), std::move(made.first)), std::move(made.second));
}

Result<wire::PairingGrant> PairingResponder::finish(PendingPairing pending, const wire::PairingProof& proof,
                                                    WallTime now) const {
  // Before the guess is checked, so that a request refused for other reasons does not use up the code.
  EXO_TRY(const Certificate certificate, responder_->certify(proof.certificate_request, now));
  auto confirmation = std::move(pending.member_).verify(proof);
  if (!confirmation && confirmation.error().code != ErrorCode::unauthenticated) {
    return std::unexpected(confirmation.error());
  }
  EXO_TRY(const auto role, store_.settle(pending.code_, confirmation.has_value(), proof.name, now));
  if (!confirmation) return std::unexpected(confirmation.error());
  EXO_TRY(wire::JoinGrant grant, responder_->grant(certificate, role));
  // The grant may contain the authority's key. The proof covered the keys of this TLS connection, so its other end
  // knows the code and there is no man in the middle: only the newcomer can read what is sent on it.
  return wire::PairingGrant{.confirmation = *confirmation, .grant = std::move(grant)};
}

}  // namespace exogpu::security
