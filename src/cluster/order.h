// Who should lead: total orders, so that nodes which know the same choose the same.
#pragma once

#include "wire/election.h"

namespace exogpu::cluster {

// One that could become leader. Whoever knows of the later term comes first, since one that has just been started
// knows nothing; then mains power, the wire, how many nodes it reaches, how long it has been up, how much of the term
// it knows, and the smaller id.
struct Candidate {
  wire::NodeId node;
  wire::Fitness fitness;
  uint32_t reach = 0;
  wire::Position at;
};
bool better(const Candidate& a, const Candidate& b);

// A leader that meets another: one that serves comes before one that does not, then the one with more nodes, then the
// smaller id. The other one's cluster joins this one's.
struct Leadership {
  wire::NodeId leader;
  bool serving = false;
  uint32_t followers = 0;
};
bool better(const Leadership& a, const Leadership& b);

}  // namespace exogpu::cluster
