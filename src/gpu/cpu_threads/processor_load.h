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
  // That threads of this process were runnable and had no processor because other threads ran there, not because a
  // quota was used up.
  std::optional<double> waited_s;
};

// Reads /proc/stat and /proc/self/task/*/schedstat below `root`. `processors`: numbers of those this process may run
// on; empty: all. What cannot be read (no /proc, a kernel without schedstat) is absent.
ProcessorTimes read_processor_times(const std::filesystem::path& root, const std::vector<uint32_t>& processors);

// The second alone, which costs less.
std::optional<double> read_waited_s(const std::filesystem::path& root);

// The threads that run or wait for a processor at this moment, on the whole machine, the calling one included.
std::optional<uint32_t> read_running_threads(const std::filesystem::path& root);

}  // namespace exogpu::gpu
