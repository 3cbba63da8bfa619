// Finds out which of several numbers of threads computes a kind of step fastest, while it computes.
//
// One thread for each core, one for each hardware thread, or only as many as there are performance cores: which is
// fastest depends on the processor, on the memory and on the step, so it is measured. The number changes no bit of a
// result. Pure.
#pragma once

#include <cstdint>
#include <vector>

namespace exogpu::gpu {

class ThreadTrial {
 public:
  // A candidate computes so many parts in a row, of which the first, with another team of threads, does not count.
  static constexpr uint32_t kBlock = 4;
  static constexpr uint32_t kRounds = 2;
  // After so many interruptions the first candidate is taken.
  static constexpr uint32_t kRestartsMax = 32;
  // What another candidate must gain over the first.
  static constexpr double kGain = 1.03;

  // At least one; the first is used without any measurement.
  explicit ThreadTrial(std::vector<uint32_t> candidates);

  // The threads of the next part.
  uint32_t next() const { return candidates_[settled_ ? best_ : current_]; }
  // Without a trial, and once it is over: what it has found.
  uint32_t best() const { return candidates_[best_]; }
  bool settled() const { return settled_; }

  // A part of `work` was computed with next() threads in so many seconds, on cores that nobody else used. Parts of
  // other work do not compare: they begin the trial again.
  void took(uint64_t work, double seconds);

 private:
  void settle();
  std::vector<uint32_t> candidates_;
  std::vector<std::vector<double>> seconds_;  // of each
  uint64_t work_ = 0;
  uint32_t current_ = 0, in_block_ = 0, round_ = 0, best_ = 0, restarts_ = 0;
  bool settled_ = false;
};

}  // namespace exogpu::gpu
