// From what other processes took of the machine lately: how many threads compute fastest.
//
// A step of a model is a few hundred operations with a barrier after each. A thread that has no processor of its own,
// because another process is running there, lets all others wait at the next barrier until the scheduler runs it: with
// 15 free cores, 16 threads are not 1/16 faster than 15 but several times slower. So the best number of threads is the
// largest that nearly always finds as many free cores:
//
//   argmax over n of  n * P(at least n cores are free)
//
// P is taken from intervals of the last second. Pure: time comes with the observations.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

namespace exogpu::gpu {

class Occupancy {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // For so long a fall of the load must last until more threads are used.
  static constexpr std::chrono::milliseconds kRise{1000};

  // In an interval that ended at `at`, other processes used `others` cores and the threads of this process waited for
  // `waited` cores (both >= 0). An interval of 100 ms or more: /proc/stat counts in hundredths of a second.
  void observe(Time at, double others, double waited);

  // `threads` threads of this process computed in a short interval (10 ms or more) and waited for `waited` cores.
  // Each thread that shares a core waits for half of the time. Holds until the next call of observe().
  void observe_waiting(uint32_t threads, double waited);

  // The best number of threads on `cores` cores of which at most `most` may be used, 1 to `most`; `most` without an
  // observation.
  uint32_t best_threads(uint32_t cores, uint32_t most) const;

 private:
  struct Observation {
    Time at;
    uint32_t taken = 0;  // cores that were not free
  };

  std::deque<Observation> observations_;  // of the last kRise, oldest first
  std::optional<uint32_t> sudden_;        // at most so many threads, by observe_waiting()
};

}  // namespace exogpu::gpu
