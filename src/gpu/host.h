// The host's processor and memory, as this process may use them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gpu/device.h"

namespace exogpu::gpu {

// The processors that this process may use.
struct CpuLimits {
  std::vector<uint32_t> processors;  // their numbers; empty when unknown
  uint32_t physical_cores = 1;       // that they belong to
  uint32_t performance_cores = 1;    // of those the fast ones, where the machine has cores of several kinds; else all
  uint32_t logical_cores = 1;        // hardware threads
  double quota_cores = 0;            // processor time granted by the control group, in cores; 0: unlimited
  // A good number of compute threads on an idle machine: the physical cores, or as many as use up the quota; at least
  // 1. Of a quota of 1.5 cores two threads use all, each at 3/4 of the time.
  uint32_t threads() const;
  // Numbers of threads of which another may be faster than threads(), which is the first: as many as performance cores,
  // and as many as hardware threads.
  std::vector<uint32_t> thread_candidates() const;
};

// Reads /proc and /sys below `root`. Never fails: what cannot be read keeps its default.
CpuLimits read_cpu_limits(const std::filesystem::path& root = "/");

// Reads again what changes while a process runs: its affinity, which also lacks processors that were taken offline, and
// the quota. The cores, many small files, only when the processors have changed.
void refresh_cpu_limits(CpuLimits& limits, const std::filesystem::path& root = "/");

struct HostCpu : CpuLimits {
  std::string model;   // "AMD EPYC 9654 96-Core Processor"; empty when unknown
  std::string vendor;  // "AMD"
};

// Reads as read_cpu_limits() does.
HostCpu read_host_cpu(const std::filesystem::path& root = "/");

// For how long the quotas of this process's control groups kept threads from running so far, summed over processors, in
// seconds. Absent without a quota.
std::optional<double> read_throttled_s(const std::filesystem::path& root = "/");

// The bytes of the largest cache of the first processor; 0 when unknown.
Bytes read_cache_bytes(const std::filesystem::path& root = "/");

// What is left to the system, the programs of a desktop and the rest of this one when a device takes the host's memory:
// a sixteenth of it, at most 512 MiB and at least 32 MiB or half of it.
Bytes host_memory_reserve(Bytes total);

// Memory of the host within the limits of this process's control group. `free` is what can be had without swapping.
// All zero when it cannot be read.
MemoryInfo read_host_memory(const std::filesystem::path& root = "/");

}  // namespace exogpu::gpu
