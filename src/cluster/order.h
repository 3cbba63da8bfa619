// Which node should lead. Total orders, so that nodes with the same information choose the same node.
#pragma once

#include "wire/election.h"

namespace exogpu::cluster {

// A node that could become leader. Better, in this order: the later term of its state (a node that has just started has
// an empty state), mains power, a wired network, more reachable nodes, a longer uptime, the later log index, the
// smaller id.
struct Candidate {
  wire::NodeId node;
  wire::Fitness fitness;
  uint32_t reach = 0;
  wire::Position at;
};
bool better(const Candidate& a, const Candidate& b);

// A leader, compared with another that it has found: better is one whose cluster serves a model, then one with more
// followers, then the smaller id. The nodes of the other leader follow the better one.
struct Leadership {
  wire::NodeId leader;
  bool serving = false;
  uint32_t followers = 0;
};
bool better(const Leadership& a, const Leadership& b);

}  // namespace exogpu::cluster
