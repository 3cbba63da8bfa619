#include "gpu/host.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

#include "gpu/text.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxLines = 100'000;

std::vector<std::string> read_lines(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  for (std::string line; lines.size() < kMaxLines && std::getline(in, line);) lines.push_back(std::move(line));
  return lines;
}

std::optional<uint64_t> number(std::string_view text) {
  text = trim(text);
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::string first_line(const fs::path& path) {
  std::vector<std::string> lines = read_lines(path);
  return lines.empty() ? std::string() : lines.front();
}

std::optional<uint64_t> read_number(const fs::path& path) { return number(first_line(path)); }

// The value of the line "key: value" or "key value".
std::string value_of(const std::vector<std::string>& lines, std::string_view key) {
  for (const std::string& line : lines) {
    std::string_view text = line;
    if (!text.starts_with(key)) continue;
    std::string_view rest = text.substr(key.size());
    if (rest.empty() || (rest[0] != ':' && rest[0] != ' ' && rest[0] != '\t')) continue;
    return std::string(trim(rest.substr(std::min(rest.find_first_not_of(" \t:"), rest.size()))));
  }
  return {};
}

// The folders of this process's control group, itself first, then its parents: a limit on any of them binds.
// Version 2 ("0::/path") has one tree; version 1 ("4:memory:/path") one for each controller.
std::vector<fs::path> control_groups(const fs::path& root, std::string_view controller) {
  fs::path mount = root / "sys/fs/cgroup";
  std::string group;
  for (const std::string& line : read_lines(root / "proc/self/cgroup")) {
    size_t first = line.find(':');
    size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controllers == ",,") {
      group = line.substr(second + 1);
    } else if (controllers.find("," + std::string(controller) + ",") != std::string::npos) {
      group = line.substr(second + 1);
      mount /= controller;
      break;
    }
  }
  std::vector<fs::path> folders;
  fs::path below = fs::path(group).relative_path().lexically_normal();
  for (; !below.empty() && below != "."; below = below.parent_path()) folders.push_back(mount / below);
  // In a container the group's own path is often not visible, and its limits lie at the top.
  folders.push_back(mount);
  return folders;
}

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
  std::set<std::pair<uint64_t, uint64_t>> cores;
  for (uint32_t processor : cpu.processors) {
    fs::path topology = root / "sys/devices/system/cpu" / ("cpu" + std::to_string(processor)) / "topology";
    auto core = read_number(topology / "core_id");
    if (core) cores.emplace(read_number(topology / "physical_package_id").value_or(0), *core);
  }
  cpu.logical_cores = cpu.processors.empty() ? std::max(1u, std::thread::hardware_concurrency())
                                             : static_cast<uint32_t>(cpu.processors.size());
  cpu.physical_cores = cores.empty() ? cpu.logical_cores : static_cast<uint32_t>(cores.size());
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

}  // namespace

uint32_t CpuLimits::threads() const {
  constexpr double kNotWorthAThread = 0.1;
  double most = quota_cores > 0 ? std::ceil(quota_cores - kNotWorthAThread) : physical_cores;
  return static_cast<uint32_t>(std::clamp(most, 1.0, std::max(1.0, static_cast<double>(physical_cores))));
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

Bytes host_memory_reserve(Bytes total) { return std::min(total / 16, 512 * MiB); }

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
    auto limit = read_number(group / "memory.max");
    auto used = read_number(group / "memory.current");
    if (!limit) {
      limit = read_number(group / "memory.limit_in_bytes");
      used = read_number(group / "memory.usage_in_bytes");
    }
    if (!limit || *limit >= memory.total) continue;
    // File pages count as used but are given back on demand.
    // Version 1 counts the group's own pages, and with those of the groups below it, as `used` does.
    const std::vector<std::string> stat = read_lines(group / "memory.stat");
    const auto with_below = number(value_of(stat, "total_inactive_file"));
    const uint64_t reclaimable = with_below.value_or(number(value_of(stat, "inactive_file")).value_or(0));
    uint64_t unreclaimable = used.value_or(0) - std::min(used.value_or(0), reclaimable);
    memory.total = *limit;
    memory.free = std::min(memory.free, *limit - std::min(*limit, unreclaimable));
  }
  memory.free = std::min(memory.free, memory.total);
  return memory;
}

}  // namespace exogpu::gpu
