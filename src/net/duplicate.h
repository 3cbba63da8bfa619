// One channel for each pair of peers: what becomes of the later of two.
#pragma once

#include <cstdint>

#include "wire/node_id.h"

namespace exogpu::net {

// A channel to a peer, as both ends see it.
struct LinkOrigin {
  wire::NodeId opener;
  uint64_t peer_incarnation = 0;  // Peer::incarnation
};

enum class LaterLink {
  refuse,   // the earlier stays
  replace,  // the earlier is closed
  probe,    // two processes have, or had, the peer's identity: see IdentityProbe
};

// Both ends decide alike, without asking each other:
// - A peer with another incarnation is a restart, whose earlier process is dead, or a second process with the peer's
//   identity. Only the earlier channel tells which.
// - One that opens a second channel has lost its first.
// - When both opened one at the same time, that of the node with the lower id stays.
inline LaterLink judge_later_link(const LinkOrigin& earlier, const LinkOrigin& later) {
  if (later.peer_incarnation != earlier.peer_incarnation) return LaterLink::probe;
  return later.opener <= earlier.opener ? LaterLink::replace : LaterLink::refuse;
}

}  // namespace exogpu::net
