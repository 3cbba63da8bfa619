// The share of this node's sent bytes that was lost on a link: retransmitted bytes among those sent in about the last
// half minute.
#pragma once

#include <map>

#include "net/channel.h"
#include "wire/ids.h"

namespace exogpu::node {

// One thread.
class LinkLosses {
 public:
  static constexpr double kDecay = 0.983;  // per call: halves in 40 calls, which are 20 s at two per second

  // Takes the channel's counters; to be called twice per second. Returns the retransmitted share of all sent bytes: 0
  // to 1.
  double add(wire::NodeId peer, const net::LinkStats& stats);

 private:
  struct Link {
    uint64_t sent_before = 0, again_before = 0;
    double sent = 0, again = 0;  // bytes, with less weight for older ones
  };
  std::map<wire::NodeId, Link> links_;
};

}  // namespace exogpu::node
