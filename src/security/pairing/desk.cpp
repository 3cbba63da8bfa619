#include "security/pairing/desk.h"

namespace exogpu::security {

Result<std::pair<PairingVisit, wire::PairingOffer>> PairingDesk::answer(const wire::PairingHello& hello,
                                                                        const PairingConnection& connection,
                                                                        WallTime now) {
  EXO_TRY(PairingCode code, store_.shown(hello.code_from, now));
  // A clock that was set back must not keep the desk shut.
  while (!answered_.empty() && (answered_.front() <= now - kPairingAnswersWithin || answered_.front() > now)) {
    answered_.pop_front();
  }
  if (answered_.size() >= kPairingAnswersMax) {
    return fail(ErrorCode::resource_exhausted, "too many devices ask to be paired; wait {} s and try again",
                kPairingAnswersWithin.count());
  }
  answered_.push_back(now);
  EXO_TRY(auto made, PairingMember::answer(code, hello, desk_->cluster(), connection));
  return std::pair(PairingVisit(std::move(code), std::move(made.first)), std::move(made.second));
}

Result<wire::PairingGrant> PairingDesk::finish(PairingVisit visit, const wire::PairingProof& proof,
                                               WallTime now) const {
  // Before the guess is looked at, so that a request that is refused for itself does not use the code up.
  EXO_TRY(wire::JoinGrant grant, desk_->grant(proof.certificate_request, now));
  auto confirmation = std::move(visit.member_).verify(proof);
  if (!confirmation && confirmation.error().code != ErrorCode::unauthenticated) {
    return std::unexpected(confirmation.error());
  }
  EXO_CHECK(store_.settle(visit.code_, confirmation.has_value(), proof.name, now));
  if (!confirmation) return std::unexpected(confirmation.error());
  // The grant holds the authority's key. The proof was over the keys of this TLS connection, so its other end is who
  // knows the code, and nobody is in the middle: what is said on it from here on is for the newcomer's eyes alone.
  return wire::PairingGrant{.confirmation = *confirmation, .grant = std::move(grant)};
}

}  // namespace exogpu::security
