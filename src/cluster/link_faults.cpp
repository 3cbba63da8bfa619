#include "cluster/link_faults.h"

#include <algorithm>

namespace exogpu::cluster {

void LinkFaults::on_broken(wire::NodeId a, wire::NodeId b, Time now) {
  std::erase_if(faults_, [&](const auto& entry) { return now - entry.second.last > kMemory; });
  Fault& fault = faults_[wire::pair_of(a, b)];
  fault.last = now;
  if (++fault.times < 2) return;
  std::chrono::seconds wait = kFirst;
  for (uint32_t i = 2; i < fault.times && wait < kLongest; ++i) wait *= 2;
  fault.until = now + std::min<std::chrono::seconds>(wait, kLongest);
}

void LinkFaults::forget(wire::NodeId node) {
  std::erase_if(faults_, [&](const auto& entry) { return entry.first.first == node || entry.first.second == node; });
}

std::set<LinkFaults::Pair> LinkFaults::avoided(Time now) const {
  std::set<Pair> out;
  for (const auto& [pair, fault] : faults_) {
    if (now < fault.until) out.insert(pair);
  }
  return out;
}

}  // namespace exogpu::cluster
