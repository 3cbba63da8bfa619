// Changes the frames of a link for an injected bug.
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

  // The frames that replace this one, in order.
  std::vector<Frame> tamper(uint32_t from, uint32_t to, Frame frame);

 private:
  using Link = std::pair<uint32_t, uint32_t>;
  std::vector<Frame> on_step(const Link& link, Frame frame);
  std::vector<Frame> on_activation(const Link& link, Frame frame);
  bool is_lost(const Frame& generated);
  std::vector<Frame> flood(const Link& link, wire::Step step);

  InjectedBug bug_;
  bool done_ = false;  // for a bug that occurs only once: it has occurred
  // The offset added to the step numbers of a plan.
  std::map<Link, std::pair<wire::PlanEpoch, int64_t>> renumbered_;
  std::map<Link, Frame> delayed_;  // steps that are overtaken by their activations
  std::set<Link> replays_;         // the next activations are replayed
  std::set<Link> drops_;           // the next activations are lost
};

}  // namespace exogpu::sim
