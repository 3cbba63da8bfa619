// Links that break repeatedly, which plans avoid for a while.
#pragma once

#include <chrono>
#include <map>
#include <set>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

// A link is one connection, so it fails in both directions. Plans use a link again at once after its first fault; from
// the second fault on they avoid it, each time twice as long. One thread.
class LinkFaults {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Pair = wire::NodePair;

  static constexpr std::chrono::seconds kFirst{30};  // of the first avoidance
  static constexpr std::chrono::minutes kLongest{10};
  static constexpr std::chrono::minutes kMemory{20};  // after so long without a fault a link counts as sound

  void on_broken(wire::NodeId a, wire::NodeId b, Time now);
  // The node was restarted.
  void forget(wire::NodeId node);

  std::set<Pair> avoided(Time now) const;

 private:
  struct Fault {
    uint32_t times = 0;
    Time last{};
    Time until{};
  };
  std::map<Pair, Fault> faults_;
};

}  // namespace exogpu::cluster
