// One channel for each pair of peers: which of two to keep when there are two for a moment.
#pragma once

#include <cstdint>

#include "wire/node_id.h"

namespace exogpu::net {

// A channel to a peer, as both ends see it.
struct LinkOrigin {
  wire::NodeId opener;
  uint64_t peer_incarnation = 0;  // Peer::incarnation
};

// Whether `second`, which came later, replaces `first`. Both ends decide alike, without asking each other:
// - A peer that has been started anew has lost the first.
// - One that opens a second channel has lost its first.
// - When both opened one at the same time, that of the node with the lower id stays.
inline bool second_link_replaces(const LinkOrigin& first, const LinkOrigin& second) {
  if (second.peer_incarnation != first.peer_incarnation) return true;
  return second.opener <= first.opener;
}

}  // namespace exogpu::net
