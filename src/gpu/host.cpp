#include "gpu/host.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

#include "gpu/control_groups.h"
#include "gpu/cpu_topology.h"
#include "gpu/proc_file.h"
#include "gpu/text.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

// The quota of one control group, in cores; 0 when it has none.
double group_quota(const fs::path& group) {
  std::string quota = first_line(group / "cpu.max");  // "150000 100000" or "max 100000"
  std::string period;
  if (!quota.empty()) {
    period = quota.substr(std::min(quota.find(' '), quota.size()));
  } else {
    quota = first_line(group / "cpu.cfs_quota_us");  // "-1": unlimited, which is no number here
    period = first_line(group / "cpu.cfs_period_us");
  }
  auto period_us = static_cast<double>(number(period).value_or(0));
  return period_us > 0 ? static_cast<double>(number(quota).value_or(0)) / period_us : 0;
}

double quota_cores(const fs::path& root) {
  double least = 0;
  for (const fs::path& group : control_groups(root, "cpu")) {
    double cores = group_quota(group);
    if (cores > 0 && (least == 0 || cores < least)) least = cores;
  }
  return least;
}

// The processors this process may run on; empty when unknown.
std::vector<uint32_t> allowed_processors() {
  std::vector<uint32_t> allowed;
#ifdef __linux__
  constexpr int kMostProcessors = 1 << 16;
  cpu_set_t* set = CPU_ALLOC(kMostProcessors);
  size_t bytes = CPU_ALLOC_SIZE(kMostProcessors);
  if (set != nullptr && sched_getaffinity(0, bytes, set) == 0) {
    for (int i = 0; i < kMostProcessors; ++i) {
      if (CPU_ISSET_S(i, bytes, set)) allowed.push_back(static_cast<uint32_t>(i));
    }
  }
  CPU_FREE(set);
#endif
  return allowed;
}

// The cores that these processors belong to; without a quota.
CpuLimits cores_of(std::vector<uint32_t> processors, const fs::path& root) {
  CpuLimits cpu;
  cpu.processors = std::move(processors);
  cpu.logical_cores = cpu.processors.empty() ? std::max(1u, std::thread::hardware_concurrency())
                                             : static_cast<uint32_t>(cpu.processors.size());
  const uint32_t cores = count_cores(cpu.processors, root);
  cpu.physical_cores = cores == 0 ? cpu.logical_cores : cores;
  const uint32_t fast = cores == 0 ? 0 : count_cores(performance_processors(cpu.processors, root), root);
  cpu.performance_cores = fast == 0 ? cpu.physical_cores : fast;
  return cpu;
}

std::string vendor_name(std::string_view id) {
  if (id == "AuthenticAMD") return "AMD";
  if (id == "GenuineIntel") return "Intel";
  if (id == "0x41") return "ARM";
  if (id == "0x51") return "Qualcomm";
  if (id == "0x61") return "Apple";
  if (id == "0xc0") return "Ampere";
  return id.starts_with("0x") ? std::string() : std::string(id);
}

// What a control group may use, and what it uses that it cannot give back.
struct GroupMemory {
  Bytes limit = std::numeric_limits<Bytes>::max();
  Bytes held = 0;
};

// File pages count as used but are given back on demand. Version 1 counts the group's own pages, and with those of the
// groups below it, as what is used does.
GroupMemory read_group_memory(const fs::path& group) {
  GroupMemory memory;
  auto used = read_number(group / "memory.current");
  for (const char* name : {"memory.max", "memory.high", "memory.limit_in_bytes"})
    memory.limit = std::min(memory.limit, read_number(group / name).value_or(memory.limit));
  if (!used) used = read_number(group / "memory.usage_in_bytes");
  const std::vector<std::string> stat = read_lines(group / "memory.stat");
  const auto pages = [&](const std::string& kind) {
    const auto with_below = number(value_of(stat, "total_" + kind));
    return with_below ? *with_below : number(value_of(stat, kind)).value_or(0);
  };
  const Bytes reclaimable = pages("inactive_file") + pages("active_file");
  memory.held = used.value_or(0) - std::min(used.value_or(0), reclaimable);
  return memory;
}

}  // namespace

uint32_t CpuLimits::threads() const {
  constexpr double kNotWorthAThread = 0.1;
  double most = quota_cores > 0 ? std::ceil(quota_cores - kNotWorthAThread) : physical_cores;
  return static_cast<uint32_t>(std::clamp(most, 1.0, std::max(1.0, static_cast<double>(physical_cores))));
}

std::vector<uint32_t> CpuLimits::thread_candidates() const {
  std::vector<uint32_t> numbers{threads()};
  if (quota_cores > 0) return numbers;
  for (const uint32_t other : {performance_cores, logical_cores})
    if (other > 0 && !std::ranges::contains(numbers, other)) numbers.push_back(other);
  return numbers;
}

CpuLimits read_cpu_limits(const fs::path& root) {
  CpuLimits cpu = cores_of(allowed_processors(), root);
  cpu.quota_cores = quota_cores(root);
  return cpu;
}

void refresh_cpu_limits(CpuLimits& limits, const fs::path& root) {
  std::vector<uint32_t> processors = allowed_processors();
  if (processors != limits.processors) limits = cores_of(std::move(processors), root);
  limits.quota_cores = quota_cores(root);
}

HostCpu read_host_cpu(const fs::path& root) {
  HostCpu cpu{read_cpu_limits(root), {}, {}};
  std::vector<std::string> info = read_lines(root / "proc/cpuinfo");
  cpu.model = value_of(info, "model name");
  std::string vendor = value_of(info, "vendor_id");
  cpu.vendor = vendor_name(vendor.empty() ? value_of(info, "CPU implementer") : vendor);
  return cpu;
}

std::optional<double> read_throttled_s(const fs::path& root) {
  std::optional<double> seconds;
  for (const fs::path& group : control_groups(root, "cpu")) {
    if (group_quota(group) == 0) continue;
    const std::vector<std::string> stat = read_lines(group / "cpu.stat");
    const auto microseconds = number(value_of(stat, "throttled_usec"));  // version 2
    const auto nanoseconds = number(value_of(stat, "throttled_time"));   // version 1
    seconds = seconds.value_or(0) + static_cast<double>(microseconds.value_or(0)) / 1e6 +
              static_cast<double>(nanoseconds.value_or(0)) / 1e9;
  }
  return seconds;
}

Bytes host_memory_reserve(Bytes total) { return std::clamp(total / 16, std::min(total / 2, 32 * MiB), 512 * MiB); }

// Sizes are "32768K".
Bytes read_cache_bytes(const fs::path& root) {
  Bytes largest = 0;
  for (int index = 0; index < 8; ++index) {
    const fs::path folder = root / "sys/devices/system/cpu/cpu0/cache" / ("index" + std::to_string(index));
    const std::string size = first_line(folder / "size");
    const Bytes unit = size.ends_with('M') ? MiB : size.ends_with('K') ? KiB : 1;
    largest = std::max(largest, number(size).value_or(0) * unit);
  }
  return largest;
}

MemoryInfo read_host_memory(const fs::path& root) {
  std::vector<std::string> lines = read_lines(root / "proc/meminfo");
  auto kib = [&](std::string_view key) { return number(value_of(lines, key)).value_or(0) * KiB; };
  MemoryInfo memory{.total = kib("MemTotal"), .free = kib("MemAvailable")};
  if (memory.total == 0) return {};
  for (const fs::path& group : control_groups(root, "memory")) {
    const GroupMemory limited = read_group_memory(group);
    if (limited.limit >= memory.total) continue;
    memory.total = limited.limit;
    memory.free = std::min(memory.free, limited.limit - std::min(limited.limit, limited.held));
  }
  memory.free = std::min(memory.free, memory.total);
  return memory;
}

}  // namespace exogpu::gpu
