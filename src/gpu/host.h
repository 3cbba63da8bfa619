// The host's processor and memory, as this process may use them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "gpu/device.h"

namespace exogpu::gpu {

struct HostCpu {
  std::string model;            // "AMD EPYC 9654 96-Core Processor"; empty when unknown
  std::string vendor;           // "AMD"
  uint32_t physical_cores = 1;  // of those this process may run on
  uint32_t logical_cores = 1;   // likewise
  double quota_cores = 0;       // processor time granted by the control group, in cores; 0: unlimited
  // A good number of compute threads: the physical cores, within the quota; at least 1.
  uint32_t threads() const;
};

// Reads /proc and /sys below `root`. Never fails: what cannot be read keeps its default.
HostCpu read_host_cpu(const std::filesystem::path& root = "/");

// Memory of the host within the limits of this process's control group. `free` is what can be had without swapping.
// All zero when it cannot be read.
MemoryInfo read_host_memory(const std::filesystem::path& root = "/");

}  // namespace exogpu::gpu
