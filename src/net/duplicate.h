// A pair of nodes keeps one channel: which of two channels stays.
#pragma once

#include <cstdint>

#include "wire/node_id.h"

namespace exogpu::net {

// The origin of a channel, the same for both ends.
struct LinkOrigin {
  wire::NodeId opener;
  uint64_t peer_incarnation = 0;  // Peer::incarnation
};

enum class LaterLink {
  refuse,   // the earlier channel stays
  replace,  // the earlier channel is closed
  probe,    // two processes have, or had, the peer's identity: see IdentityProbe
};

// Both ends come to the same result without asking each other:
// - Another incarnation of the peer is a restart, whose earlier process is dead, or a second process with the peer's
//   identity. Only the earlier channel can tell which.
// - A peer that opens a second channel has lost its first.
// - If both opened a channel at the same time, the one opened by the node with the lower id stays.
inline LaterLink judge_later_link(const LinkOrigin& earlier, const LinkOrigin& later) {
  if (later.peer_incarnation != earlier.peer_incarnation) return LaterLink::probe;
  return later.opener <= earlier.opener ? LaterLink::replace : LaterLink::refuse;
}

}  // namespace exogpu::net
