#include "placement/bound.h"

#include <algorithm>

namespace exogpu::placement {

RestBound::RestBound(const RingProblem& problem) : problem_(&problem) {
  const CostModel& model = problem.model();
  const uint32_t layers = problem.layers();
  std::vector<double> bytes;
  for (uint32_t l = 0; l < layers; ++l) {
    // Without embedding and head.
    const double cache = static_cast<double>(model.memory({l, l + 1}).cache);
    bytes.push_back(static_cast<double>(model.shape().layers[l].weight_bytes) + cache);
  }
  bytes_from_.assign(layers + 1, 0.0);
  for (uint32_t l = layers; l > 0; --l) bytes_from_[l - 1] = bytes_from_[l] + bytes[l - 1];

  stage_s_ = kNever;
  head_s_ = kNever;
  for (size_t d = 0; d < problem.devices(); ++d) {
    double slowness = kNever;
    for (uint32_t l = 0; l < layers; ++l) slowness = std::min(slowness, problem.layers_s(d, {l, l + 1}) / bytes[l]);
    s_per_byte_.push_back(slowness);
    const Bytes free = model.memory_free(d), compute = model.shape().compute_bytes;
    room_.push_back(free > compute ? static_cast<double>(free - compute) : 0);
    if (!problem.usable(d)) continue;
    by_speed_.push_back(d);
    stage_s_ = std::min(stage_s_, model.step_s(d));
    head_s_ = std::min(head_s_, problem.head_s(d));
  }
  by_room_ = by_speed_;
  std::ranges::stable_sort(by_speed_, {}, [&](size_t d) { return s_per_byte_[d]; });
  std::ranges::stable_sort(by_room_, std::greater(), [&](size_t d) { return room_[d]; });
  many_ = by_speed_.size() > kExactDevices;
  if (many_) return;
  // Each stage of a ring of several has a hop to it; that to the first is the return, which is not counted here.
  double hop_s = kNever;
  for (size_t a : by_speed_) {
    for (size_t b : by_speed_) {
      if (a != b) hop_s = std::min(hop_s, problem.hop_s(a, b));
    }
  }
  hop_s_ = hop_s == kNever ? 0 : hop_s;
}

}  // namespace exogpu::placement
