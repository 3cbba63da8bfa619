// With how many threads a shard on the CPU computes its next step.
//
// As many as there are cores free for it: the cores of the machine that this process may use, less those that other
// processes take, shared with the other shards that compute at the same time. Decided before each step. Where cores
// have several hardware threads, or differ, the first undisturbed steps find out with how many threads the machine is
// fastest, for few and for many tokens each. How many threads compute does not change a single bit of the result.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>

#include "gpu/cpu_threads/compute_table.h"
#include "gpu/cpu_threads/occupancy.h"
#include "gpu/cpu_threads/processor_load.h"
#include "gpu/cpu_threads/thread_trial.h"
#include "gpu/cpu_threads/thread_use.h"
#include "gpu/host.h"

namespace exogpu::gpu {

class ComputeThreads {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `fixed` > 0: always so many. Reads /proc and /sys below `root`.
  explicit ComputeThreads(uint32_t fixed = 0, std::filesystem::path root = "/",
                          const std::filesystem::path& table = ComputeTable::default_path());

  // The step that begins next has so many tokens. Only steps of which this is known take part in finding the best
  // number.
  void set_tokens(uint32_t tokens) { tokens_ = tokens; }
  // Of the threads that steps would have otherwise, so many compute from the next one on; above 0, at most 1.
  void set_share(double share) { share_ = share; }
  // The number of threads for the step that begins now; end_step() ends it. Called again for each part of a long step.
  // Costs about 0.1 ms every 25 ms, or a hundredth of the time where reading /proc takes longer.
  uint32_t begin_step(Time now = std::chrono::steady_clock::now());
  void end_step(Time now = std::chrono::steady_clock::now());

  uint32_t threads() const { return threads_; }
  // Of the latest step.
  ThreadUse use() const;
  // Why not more: "fixed by --threads", "other processes use 3 of 16 cores", ...; empty when all cores compute.
  std::string reason() const { return reason_of(use()); }
  // Whether other processes are the reason.
  bool limited() const;

 private:
  // At the beginning of an interval of Occupancy::observe().
  struct Reading {
    Time at;
    ProcessorTimes times;
    double own_s = 0;
    ComputeTable::Others others;
  };

  void observe(Time now);
  void look(Time now);
  void end_interval(const Reading& now);
  void observe_running(Time now);
  void read_machine(Time now);
  uint32_t free_threads(uint32_t cores, uint32_t most) const;
  void choose();
  uint32_t shared(uint32_t threads) const;
  void end_part(Time now, bool last);
  ThreadTrial* trial();

  uint32_t fixed_;
  std::filesystem::path root_;
  std::optional<ComputeTable> table_;  // without it, other processes of exogpu are processes like others
  Occupancy occupancy_;
  CpuLimits limits_;
  uint32_t cores_ = 1;  // that this process may run on
  uint32_t most_ = 1;   // ... and that its quota leaves it
  uint32_t threads_ = 1;
  uint32_t best_ = 1;  // threads of a step like this without other processes
  uint32_t tokens_ = 0;
  double share_ = 1;
  std::optional<ThreadTrial> few_, many_;  // steps with few tokens, and parts of steps with many
  bool disturbed_ = false;                 // the part that is computed shows nothing about its number of threads
  std::optional<Time> part_at_;            // of the step, in which it began
  uint32_t parts_ = 0;                     // of the step, so far
  uint32_t sharing_ = 1;                   // shards that compute now, this one included
  Time look_at_{};                         // not before
  std::optional<Time> machine_read_;
  std::optional<Time> observed_;  // the last observation of occupancy_

  static bool comparable(const Reading& before, const Reading& after);
  Reading read(Time now) const;
  double others(const Reading& last, const Reading& now) const;
  std::deque<Reading> readings_;  // of the last kSteady, oldest first; the last is that of the present interval
  double others_ = 0;             // cores that other processes took, when that was known last
  uint32_t fewest_ = 0;           // threads of a part, in the present interval
  std::optional<Time> short_at_;  // at the beginning of the interval of observe_waiting()
  std::optional<double> short_waited_s_;
};

}  // namespace exogpu::gpu
