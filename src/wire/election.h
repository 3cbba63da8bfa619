// What nodes say to each other to agree on a leader, and to notice that one is gone (proto/cluster.proto).
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "wire/frame.h"
#include "wire/ids.h"
#include "wire/messages.h"
#include "wire/node_id.h"

namespace exogpu::wire {

// A time of office. Only the node it names may lead in it, so a term never has two leaders; the later of two is the
// greater. Counter 0: nobody has led yet.
struct Term {
  uint64_t counter = 0;
  NodeId leader;
  friend auto operator<=>(const Term&, const Term&) = default;
};
// "7 of 0a1b2c3d"
std::string to_text(const Term& term);

// A place in the log of events. The leader of a term writes each index once, so two nodes at one position hold the same
// state.
struct Position {
  Term term;
  uint64_t index = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};
std::string to_text(const Position& position);

// How well a node would lead, as far as it does not change from one second to the next.
struct Fitness {
  bool mains = true;        // not on battery
  bool wired = true;        // its best interface
  uint32_t steadiness = 0;  // 0: up for less than 10 minutes, 1: an hour, 2: a day, 3: longer
  friend bool operator==(const Fitness&, const Fitness&) = default;
};
inline constexpr uint32_t kSteadinessMax = 3;

// How the sender stands: asked by one without a leader, and by a leader of a node that is not its own.
struct ElectionProbe {
  static constexpr ControlType kType = ControlType::election_probe;
  bool wants_reply = false;
  Term term;                // the highest that the sender has obeyed or led
  bool is_leader = false;   // it is the leader of that term
  bool has_leader = false;  // or hears from its leader, and is heard by it
  uint32_t followers = 0;   // that this leader has, as far as the sender knows
  bool serving = false;     // the model, under that leader
  Fitness fitness;          // of the sender
  uint32_t reach = 0;       // nodes that the sender has a link to
  Position at;              // what the sender's state holds
  friend bool operator==(const ElectionProbe&, const ElectionProbe&) = default;
};

// Of a leader, to each of its own nodes.
struct Heartbeat {
  static constexpr ControlType kType = ControlType::heartbeat;
  Term term;
  uint64_t number = 0;  // counts up, for each receiver on its own
  uint64_t acked = 0;   // the highest that this receiver has answered
  uint32_t followers = 0;
  bool serving = false;
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

struct HeartbeatAck {
  static constexpr ControlType kType = ControlType::heartbeat_ack;
  Term term;
  uint64_t number = 0;  // of the heartbeat
  Position at;          // of the sender's state
  PlanEpoch epoch;      // the highest that it has ever been told of
  bool busy = false;    // requests are under way at its first stage
  friend bool operator==(const HeartbeatAck&, const HeartbeatAck&) = default;
};

// Measures a link that nothing else uses.
struct LinkPing {
  static constexpr ControlType kType = ControlType::link_ping;
  uint64_t number = 0;
  bool answer = false;
  friend bool operator==(const LinkPing&, const LinkPing&) = default;
};

ByteVector encode(const ElectionProbe& message);
ByteVector encode(const Heartbeat& message);
ByteVector encode(const HeartbeatAck& message);
ByteVector encode(const LinkPing& message);

template <>
Result<ElectionProbe> decode<ElectionProbe>(std::span<const std::byte> bytes);
template <>
Result<Heartbeat> decode<Heartbeat>(std::span<const std::byte> bytes);
template <>
Result<HeartbeatAck> decode<HeartbeatAck>(std::span<const std::byte> bytes);
template <>
Result<LinkPing> decode<LinkPing>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
