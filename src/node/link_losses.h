// How much of what this node sends to others is lost on the way: what the system had to send again, of what it sent in
// the last half minute or so.
#pragma once

#include <map>

#include "net/channel.h"
#include "wire/ids.h"

namespace exogpu::node {

// One thread.
class LinkLosses {
 public:
  static constexpr double kKept = 0.983;  // at each call: half is forgotten after 40, which is 20 s of two a second

  // What the link's channel has counted by now; twice a second. The share of all that it sent: 0 to 1.
  double add(wire::NodeId peer, const net::LinkStats& stats);

 private:
  struct Link {
    uint64_t sent_before = 0, again_before = 0;
    double sent = 0, again = 0;  // bytes, older ones counting less
  };
  std::map<wire::NodeId, Link> links_;
};

}  // namespace exogpu::node
