// A network with its faults: whether and when a message arrives.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "cluster/detector.h"
#include "sim/dice.h"
#include "sim/scenario.h"

namespace exogpu::sim {

using cluster::Duration;
using cluster::Time;

inline Duration seconds(double value) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}
inline double in_seconds(Duration value) { return std::chrono::duration<double>(value).count(); }
inline double in_seconds(Time value) { return in_seconds(value.time_since_epoch()); }

// Nodes by number.
class Network {
 public:
  Network(const NetworkSettings& settings, uint32_t nodes) : settings_(settings), group_(nodes, 0) {}

  // When the copies of a message arrive; none: it is lost.
  std::vector<Duration> carry(uint32_t from, uint32_t to, Dice& dice) const;

  // How long a message takes over a connection, which sends again what is lost on the way.
  Duration carry_surely(uint32_t from, uint32_t to, Dice& dice) const;

  bool open(uint32_t from, uint32_t to) const {
    return group_[from] == group_[to] && (blocked_.empty() || !blocked_.contains({from, to}));
  }
  bool same_side(uint32_t a, uint32_t b) const { return group_[a] == group_[b]; }
  // The nodes of this group receive only from each other from now on.
  void split(uint32_t node, uint32_t group) { group_[node] = group; }
  void block(uint32_t from, uint32_t to) { blocked_.insert({from, to}); }
  void unblock(uint32_t from, uint32_t to) { blocked_.erase({from, to}); }
  void slow(uint32_t from, uint32_t to, double delay_ms) { slow_[{from, to}] = delay_ms; }
  void fast(uint32_t from, uint32_t to) { slow_.erase({from, to}); }
  void lose(double share) { burst_ = share; }
  // All faults end, and nothing is lost from now on.
  void heal();

 private:
  NetworkSettings settings_;
  std::vector<uint32_t> group_;
  std::set<std::pair<uint32_t, uint32_t>> blocked_;
  std::map<std::pair<uint32_t, uint32_t>, double> slow_;
  double burst_ = 0;
};

}  // namespace exogpu::sim
