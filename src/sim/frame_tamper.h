// What an injected bug makes of the frames on a link.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "sim/frame.h"
#include "sim/injected_bug.h"
#include "wire/ring.h"

namespace exogpu::sim {

class FrameTamper {
 public:
  explicit FrameTamper(InjectedBug bug) : bug_(bug) {}

  // The frames that travel in place of this one, in order.
  std::vector<Frame> tamper(uint32_t from, uint32_t to, Frame frame);

 private:
  using Link = std::pair<uint32_t, uint32_t>;
  std::vector<Frame> on_step(const Link& link, Frame frame);
  std::vector<Frame> on_activation(const Link& link, Frame frame);
  bool is_lost(const Frame& generated);
  std::vector<Frame> flood(const Link& link, wire::Step step);

  InjectedBug bug_;
  bool done_ = false;  // a bug that shows once has
  // By how much the steps of a plan are renumbered.
  std::map<Link, std::pair<wire::PlanEpoch, int64_t>> renumbered_;
  std::map<Link, Frame> held_back_;  // steps whose activations come first
  std::set<Link> replays_;           // the activations that come next are replayed
  std::set<Link> drops_;             // the activations that come next are lost
};

}  // namespace exogpu::sim
