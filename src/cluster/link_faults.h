// Links that break again and again, which a plan had better leave alone for a while.
#pragma once

#include <chrono>
#include <map>
#include <set>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

// A link is one connection, so it fails both ways. What breaks once is used again at once; from the second time on it
// is left out, for twice as long each time. One thread.
class LinkFaults {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Pair = wire::NodePair;

  static constexpr std::chrono::seconds kFirst{30};  // that it is left out
  static constexpr std::chrono::minutes kLongest{10};
  static constexpr std::chrono::minutes kMemory{20};  // without a fault: all is forgotten

  void on_broken(wire::NodeId a, wire::NodeId b, Time now);
  // It was started anew, or is away.
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
