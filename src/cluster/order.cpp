#include "cluster/order.h"

#include <tuple>

namespace exogpu::cluster {

bool better(const Candidate& a, const Candidate& b) {
  const auto key = [](const Candidate& c) {
    return std::tuple(c.at.term, c.fitness.mains, c.fitness.wired, c.reach, c.fitness.steadiness, c.at.index);
  };
  return key(a) != key(b) ? key(a) > key(b) : a.node < b.node;
}

bool better(const Reign& a, const Reign& b) {
  const auto key = [](const Reign& r) { return std::tuple(r.serving, r.followers); };
  return key(a) != key(b) ? key(a) > key(b) : a.master < b.master;
}

}  // namespace exogpu::cluster
