// How a newcomer and a member of a cluster find out that the same code was shown on one and typed on the other,
// whichever of them showed it.
//
//   newcomer                              member
//   PairingHello  round one          →
//                                    ←    PairingOffer   round one, round two, the cluster
//   PairingProof  round two,         →
//     confirmation, certificate request,
//     the newcomer's name
//                                    ←    PairingResult  confirmation, certificates; or a refusal
//
// Rounds are EC-JPAKE's. A confirmation is a code (HMAC) under the agreed key, over everything that was said and the
// connection it was said on: so neither end believes the other before it has proved to know the code, and somebody in
// the middle, with a connection to each, is found out though it passes on every message.
//
// Both ends are messages in, messages out: no clock, no network, no disk.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "base/result.h"
#include "security/hash.h"
#include "security/pairing/code.h"
#include "security/pairing/connection.h"
#include "security/pairing/jpake.h"
#include "wire/messages.h"

namespace exogpu::security {

// The device that wants to be let in.
class PairingNewcomer {
 public:
  static Result<std::pair<PairingNewcomer, wire::PairingHello>> begin(const PairingCode& code,
                                                                      wire::CodeFrom from = wire::CodeFrom::member);

  // `certificate_request` is of the key that this device will have in the cluster. Once: the receiver of the proof can
  // try one guess by it, so a code that this device generated is used up when the pairing fails. Errors: those of a
  // refusal, unsupported (no protocol in common), corrupt.
  Result<wire::PairingProof> prove(const wire::PairingOffer& offer, const PairingConnection& connection,
                                   wire::ByteVector certificate_request);

  // Whether the member knew the code, after prove(): only then its certificates may be taken.
  // Errors: those of a refusal, unauthenticated.
  Result<void> check(const wire::PairingResult& result) const;

 private:
  PairingNewcomer(Jpake jpake, wire::PairingHello hello) : jpake_(std::move(jpake)), hello_(std::move(hello)) {}
  Jpake jpake_;
  wire::PairingHello hello_;
  Sha256 expected_{};
};

// The device that lets others in.
class PairingMember {
 public:
  // What is sent tells nothing of the code, however often.
  // Errors: unsupported (no protocol in common), corrupt.
  static Result<std::pair<PairingMember, wire::PairingOffer>> answer(const PairingCode& code,
                                                                     const wire::PairingHello& hello,
                                                                     wire::ClusterId cluster,
                                                                     const PairingConnection& connection);

  // The confirmation to send back. Once: whatever it is, the answer to it lets the other end try its guess.
  // Errors: unauthenticated (the wrong code, or somebody in the middle), corrupt (no proof of anything).
  Result<wire::Confirmation> verify(const wire::PairingProof& proof) &&;

 private:
  PairingMember(Jpake jpake, wire::PairingHello hello, wire::PairingRounds rounds, const PairingConnection& connection)
      : jpake_(std::move(jpake)), hello_(std::move(hello)), rounds_(std::move(rounds)), connection_(connection) {}
  Jpake jpake_;
  wire::PairingHello hello_;
  wire::PairingRounds rounds_;
  PairingConnection connection_;
};

}  // namespace exogpu::security
