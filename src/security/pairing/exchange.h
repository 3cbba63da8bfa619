// How a newcomer and a member verify that the code shown on one of them was typed on the other, whichever showed it.
//
//   newcomer                              member
//   PairingHello  round one          →
//                                    ←    PairingOffer   round one, round two, the cluster
//   PairingProof  round two,         →
//     confirmation, certificate request,
//     the newcomer's name
//                                    ←    PairingResult  confirmation, certificates; or a refusal
//
// The rounds are those of EC-JPAKE. A confirmation is an HMAC with the agreed key over all messages and the connection.
// So neither end trusts the other before it has proved to know the code, and a man in the middle with a connection to
// each end is detected even if it forwards every message.
//
// Both ends take messages and return messages: no clock, no network, no disk.
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

// The newcomer's end.
class PairingNewcomer {
 public:
  static Result<std::pair<PairingNewcomer, wire::PairingHello>> begin(const PairingCode& code,
                                                                      wire::CodeFrom from = wire::CodeFrom::member);

  // `certificate_request` is for the key that this device will have in the cluster. To be called once: the receiver of
  // the proof can test one guess with it, so if the pairing fails, a code made by this device must not be used again.
  // Errors: those of a refusal, unsupported (no common protocol), corrupt.
  Result<wire::PairingProof> prove(const wire::PairingOffer& offer, const PairingConnection& connection,
                                   wire::ByteVector certificate_request);

  // Checks, after prove(), that the member knew the code; only then its certificates may be accepted.
  // Errors: those of a refusal, unauthenticated.
  Result<void> check(const wire::PairingResult& result) const;

 private:
  PairingNewcomer(Jpake jpake, wire::PairingHello hello) : jpake_(std::move(jpake)), hello_(std::move(hello)) {}
  Jpake jpake_;
  wire::PairingHello hello_;
  Sha256 expected_{};
};

// The member's end.
class PairingMember {
 public:
  // The offer reveals nothing about the code, however often it is sent.
  // Errors: unsupported (no common protocol), corrupt.
  static Result<std::pair<PairingMember, wire::PairingOffer>> answer(const PairingCode& code,
                                                                     const wire::PairingHello& hello,
                                                                     wire::ClusterId cluster,
                                                                     const PairingConnection& connection);

  // The confirmation to send back. To be called once: the response to a proof lets the other end test one guess.
  // Errors: unauthenticated (wrong code, or a man in the middle), corrupt (not a proof).
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
