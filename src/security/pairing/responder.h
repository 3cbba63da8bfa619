// The member's end of pairings: one guess for each code, and a certificate for the right one.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "base/result.h"
#include "security/join.h"
#include "security/pairing/exchange.h"
#include "security/pairing/store.h"

namespace exogpu::security {

// Each answer costs several elliptic curve operations.
inline constexpr size_t kPairingAnswersMax = 10;
inline constexpr std::chrono::seconds kPairingAnswersWithin{10};

// One newcomer's pairing, between its two messages.
class PendingPairing {
 public:
  PendingPairing(PairingCode code, PairingMember member) : code_(std::move(code)), member_(std::move(member)) {}

 private:
  friend class PairingResponder;
  PairingCode code_;
  PairingMember member_;
};

// One thread at a time. Blocks while it reads and writes the code's file.
class PairingResponder {
 public:
  // `responder` makes the certificates and must outlive this object.
  PairingResponder(const JoinResponder& responder, PairingStore store)
      : responder_(&responder), store_(std::move(store)) {}

  // Errors, which the newcomer gets to read: failed_precondition (no code of this kind is active), resource_exhausted
  // (too many requests), unsupported (no common protocol), corrupt.
  Result<std::pair<PendingPairing, wire::PairingOffer>> answer(const wire::PairingHello& hello,
                                                               const PairingConnection& connection, WallTime now);

  // Errors, which the newcomer gets to read: unauthenticated (the code is wrong, and now invalid), failed_precondition
  // (the code is not active any more), corrupt.
  Result<wire::PairingGrant> finish(PendingPairing pending, const wire::PairingProof& proof, WallTime now) const;

 private:
  const JoinResponder* responder_;
  PairingStore store_;
  std::deque<WallTime> answered_;
};

}  // namespace exogpu::security
