#include "cluster/order.h"

#include <tuple>

namespace exogpu::cluster {

bool better(const Candidate& a, const Candidate& b) {
  const auto key = [](const Candidate& c) {
    return std::tuple(c.at.term, c.fitness.mains, c.fitness.wired, c.reach, c.fitness.steadiness, c.at.index);
  };
  return key(a) != key(b) ? key(a) > key(b) : a.node < b.node;
}

bool better(const Leadership& a, const Leadership& b) {
  const auto key = [](const Leadership& r) { return std::tuple(r.serving, r.followers); };
  return key(a) != key(b) ? key(a) > key(b) : a.leader < b.leader;
}

}  // namespace exogpu::cluster
