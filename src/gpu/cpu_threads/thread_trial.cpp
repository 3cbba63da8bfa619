#include "gpu/cpu_threads/thread_trial.h"

#include <algorithm>
#include <utility>

namespace exogpu::gpu {

ThreadTrial::ThreadTrial(std::vector<uint32_t> candidates)
    : candidates_(std::move(candidates)), seconds_(candidates_.size()), settled_(candidates_.size() < 2) {}

void ThreadTrial::took(uint64_t work, double seconds) {
  if (settled_) return;
  if (work != work_) {
    const bool begun = work_ != 0;
    work_ = work;
    current_ = in_block_ = round_ = 0;
    for (std::vector<double>& each : seconds_) each.clear();
    if (begun && ++restarts_ > kRestartsMax) settled_ = true;
    if (begun) return;  // with the threads of another candidate, perhaps
  }
  if (in_block_ > 0) seconds_[current_].push_back(seconds);
  if (++in_block_ < kBlock) return;
  in_block_ = 0;
  current_ = (current_ + 1) % static_cast<uint32_t>(candidates_.size());
  if (current_ == 0 && ++round_ == kRounds) settle();
}

void ThreadTrial::settle() {
  const auto median = [this](size_t candidate) {
    std::vector<double>& all = seconds_[candidate];
    const auto middle = all.begin() + static_cast<ptrdiff_t>(all.size() / 2);
    std::ranges::nth_element(all, middle);
    return *middle;
  };
  const double first = median(0);
  double fastest = first / kGain;
  for (uint32_t i = 1; i < candidates_.size(); ++i) {
    const double mine = median(i);
    if (mine >= fastest) continue;
    fastest = mine;
    best_ = i;
  }
  settled_ = true;
}

}  // namespace exogpu::gpu
