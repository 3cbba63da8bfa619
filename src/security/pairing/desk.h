// The end of a pairing that lets others in: one guess for each code, and a certificate for the right one.
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

// Each answer costs some elliptic curves.
inline constexpr size_t kPairingAnswersMax = 10;
inline constexpr std::chrono::seconds kPairingAnswersWithin{10};

// A newcomer's run, between its two messages.
class PairingVisit {
 public:
  PairingVisit(PairingCode code, PairingMember member) : code_(std::move(code)), member_(std::move(member)) {}

 private:
  friend class PairingDesk;
  PairingCode code_;
  PairingMember member_;
};

// One thread at a time. Blocks while it reads and writes the code's file.
class PairingDesk {
 public:
  // `desk` makes the certificates, and must outlive this.
  PairingDesk(const JoinDesk& desk, PairingStore store) : desk_(&desk), store_(std::move(store)) {}

  // Errors, for the other end to read: failed_precondition (no code from there holds), resource_exhausted (too many
  // ask), unsupported (no protocol in common), corrupt.
  Result<std::pair<PairingVisit, wire::PairingOffer>> answer(const wire::PairingHello& hello,
                                                             const PairingConnection& connection, WallTime now);

  // Errors, for the other end to read: unauthenticated (the code is wrong, and used up by that), failed_precondition
  // (it is not shown any more), corrupt.
  Result<wire::PairingGrant> finish(PairingVisit visit, const wire::PairingProof& proof, WallTime now) const;

 private:
  const JoinDesk* desk_;
  PairingStore store_;
  std::deque<WallTime> answered_;
};

}  // namespace exogpu::security
