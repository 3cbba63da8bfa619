// How short of memory this machine, or this process's control group, is now.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "gpu/device.h"

namespace exogpu::gpu {

struct MemoryReading {
  MemoryInfo memory;  // read_host_memory(); all zero when it cannot be read
  Bytes own = 0;      // of this process, what the system cannot take back: its anonymous and shared memory
  Bytes mapped =
      0;  // of this process, pages of files, such as weights: the system takes them back, and reads them again
  // So long, in seconds so far, some task waited for memory (PSI): of the control group, and of the machine. Absent
  // where the kernel does not count it; control groups of version 1 have none.
  std::optional<double> group_stalled_s, machine_stalled_s;
  uint64_t limit_hits = 0;  // so often the group was above memory.high
  uint64_t kills = 0;       // so often the kernel ended a process of the group for its memory
};

// Reads /proc and /sys below `root`: about ten small files, 0.2 ms. Never fails: what cannot be read keeps its default.
MemoryReading read_memory(const std::filesystem::path& root = "/");

}  // namespace exogpu::gpu
