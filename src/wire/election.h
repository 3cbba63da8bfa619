// The messages that elect a leader and detect lost nodes (proto/cluster.proto).
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/frame.h"
#include "wire/ids.h"
#include "wire/messages.h"
#include "wire/node_id.h"

namespace exogpu::wire {

// Only the node that a term names may lead in it, so a term never has two leaders. The greater term is the later one.
// Counter 0: there has been no leader yet.
struct Term {
  uint64_t counter = 0;
  NodeId leader;
  friend auto operator<=>(const Term&, const Term&) = default;
};
// "7 of 0a1b2c3d"
std::string to_text(const Term& term);

// A position in the log. The leader of a term writes each index once, so two nodes at the same position have equal
// states.
struct Position {
  Term term;
  uint64_t index = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};
std::string to_text(const Position& position);

// How suitable a node is as leader, by properties that seldom change.
struct Fitness {
  bool mains = true;        // not on battery
  bool wired = true;        // by its best network interface
  uint32_t steadiness = 0;  // by uptime: 0: up to 10 minutes, 1: up to an hour, 2: up to a day, 3: longer
  friend bool operator==(const Fitness&, const Fitness&) = default;
};
inline constexpr uint32_t kSteadinessMax = 3;

// The sender's term, leader and fitness. Sent by a node without a leader, by a leader to nodes that do not follow it,
// and as a reply.
struct ElectionProbe {
  static constexpr ControlType kType = ControlType::election_probe;
  bool wants_reply = false;
  Term term;                // the highest that the sender has followed or led
  bool is_leader = false;   // the sender leads in that term
  bool has_leader = false;  // the sender follows a leader, and messages pass both ways
  uint32_t followers = 0;   // of that leader, as far as the sender knows
  bool serving = false;     // that leader's cluster serves the model
  Fitness fitness;          // of the sender
  uint32_t reach = 0;       // nodes to which the sender has a link
  Position at;              // of the sender's state
  friend bool operator==(const ElectionProbe&, const ElectionProbe&) = default;
};

inline constexpr size_t kBusyModelsMax = 64;

// When a model was used last.
struct ModelUse {
  PlanEpoch epoch;        // its plan
  uint32_t unused_s = 0;  // seconds since its last request
  friend bool operator==(const ModelUse&, const ModelUse&) = default;
};

// From the leader to each follower.
struct Heartbeat {
  static constexpr ControlType kType = ControlType::heartbeat;
  Term term;
  uint64_t number = 0;  // counts up for each receiver
  uint64_t acked = 0;   // the highest that this receiver has acknowledged
  uint32_t followers = 0;
  bool serving = false;
  std::vector<ModelUse> uses{};  // of the models that have a plan; at most kBusyModelsMax
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

struct HeartbeatAck {
  static constexpr ControlType kType = ControlType::heartbeat_ack;
  Term term;
  uint64_t number = 0;                // of the heartbeat
  Position at;                        // of the sender's state
  PlanEpoch epoch;                    // the highest plan that the sender has received
  std::set<std::string> busy_models;  // by content id: those that the sender has requests in progress for
  friend bool operator==(const HeartbeatAck&, const HeartbeatAck&) = default;
};

// Measures the round trip of a link that has no heartbeats.
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
