// Measures what other processes take of the processors, and how long this process's threads wait for one.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace exogpu::gpu {

// Seconds of processor time, all since some moment in the past.
struct ProcessorTimes {
  std::optional<double> busy_s;  // of all processors together that this process may use, by all processes
  double idle_s = 0;             // of the same processors; 0 where busy_s is absent, likewise below
  double stolen_s = 0;           // part of busy_s: a hypervisor gave it to others
  uint32_t processors = 0;       // so many
  // That threads of this process were runnable and had no processor because other threads ran there, not because a
  // quota was used up.
  std::optional<double> waited_s;
};

// Reads /proc/stat and /proc/self/task/*/schedstat below `root`. `processors`: numbers of those this process may run
// on; empty: all. What cannot be read (no /proc, a kernel without schedstat) is absent.
ProcessorTimes read_processor_times(const std::filesystem::path& root, const std::vector<uint32_t>& processors);

// The second alone, which costs less.
std::optional<double> read_waited_s(const std::filesystem::path& root);

// The processors that were not idle in the `seconds` between two readings, 0 to all of them, on average.
//
// A kernel may count busy time in ticks of 4 or 10 ms: a processor that computes without end has one tick more or less
// in 100 ms than it should, and 16 processors have them at the same moments, which looks like a process that comes and
// goes. A processor that is never idle has no idle time in any case, so that is what is subtracted, where the sum of
// both shows that the kernel counts it.
double busy_processors(const ProcessorTimes& before, const ProcessorTimes& after, double seconds);

// The threads that run or wait for a processor at this moment, on the whole machine, the calling one included.
std::optional<uint32_t> read_running_threads(const std::filesystem::path& root);

}  // namespace exogpu::gpu
