// A lower bound of the time of the rest of a ring.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "placement/ring.h"

namespace exogpu::placement {

class RestBound {
 public:
  explicit RestBound(const RingProblem& problem);

  struct Rest {
    double through_s = 0;
    double busiest_s = 0;
    bool possible = false;  // false: the devices lack memory in any case
  };
  // For the layers from `begin` on, on the devices for which `free(device)` is true. Assumes that layers can
  // be cut anywhere, and that each byte is as fast as the model's fastest on that device.
  template <typename Free>
  Rest rest(uint32_t begin, Free&& free) const;

  const std::vector<size_t>& by_speed() const { return by_speed_; }  // usable devices, fastest first
  const std::vector<size_t>& by_room() const { return by_room_; }    // likewise, most memory first

 private:
  const RingProblem* problem_;
  std::vector<double> s_per_byte_;  // of each device
  std::vector<double> room_;        // bytes for layers
  std::vector<double> bytes_from_;  // of the layers from each one to the end
  std::vector<size_t> by_speed_;
  std::vector<size_t> by_room_;
  bool many_ = false;   // too many devices to visit each: the bound is a little lower then
  double head_s_ = 0;   // on the device that computes it fastest
  double stage_s_ = 0;  // of each further stage, at least
  double hop_s_ = 0;    // of each hop, at least
};

template <typename Free>
RestBound::Rest RestBound::rest(uint32_t begin, Free&& free) const {
  const double bytes = bytes_from_[begin];
  double remaining = bytes, head_s = many_ ? head_s_ : kNever;
  size_t stages = 0, unused = many_ ? by_room_.size() : 0;
  for (size_t d : by_room_) {
    if (!free(d)) continue;
    if (remaining > 0) ++stages;
    remaining -= room_[d];
    if (many_) {
      if (remaining <= 0) break;
    } else {
      ++unused;
      head_s = std::min(head_s, problem_->head_s(d));
    }
  }
  if (remaining > 0 || unused == 0) return {};
  double through_s = 0;
  remaining = bytes;
  for (size_t d : by_speed_) {
    if (!free(d)) continue;
    const double taken = std::min(remaining, room_[d]);
    through_s += taken * s_per_byte_[d];
    remaining -= taken;
    if (remaining <= 0) break;
  }
  const auto more = static_cast<double>(stages);
  const double hops = begin > 0 ? more : more - 1;  // the first stage needs no hop
  return {.through_s = through_s + head_s + more * stage_s_ + hops * hop_s_,
          .busiest_s = through_s / static_cast<double>(unused),
          .possible = true};
}

}  // namespace exogpu::placement
