#include "gpu/cpu_topology.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "gpu/proc_file.h"
#include "gpu/text.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kProcessorsMax = 1 << 16;
// Fast cores of one processor differ a little; efficiency cores have half of their capacity or less.
constexpr double kFastShare = 0.75;

fs::path folder_of(const fs::path& root, uint32_t processor) {
  return root / "sys/devices/system/cpu" / ("cpu" + std::to_string(processor));
}

std::vector<uint32_t> both(const std::vector<uint32_t>& processors, const std::vector<uint32_t>& others) {
  std::vector<uint32_t> out;
  std::ranges::copy_if(processors, std::back_inserter(out),
                       [&](uint32_t each) { return std::ranges::contains(others, each); });
  return out;
}

}  // namespace

std::vector<uint32_t> processor_list(std::string_view text) {
  std::vector<uint32_t> processors;
  text = trim(text);
  const char* at = text.data();
  const char* end = at + text.size();
  const auto number = [&](uint32_t& value) {
    const auto [rest, error] = std::from_chars(at, end, value);
    at = rest;
    return error == std::errc() && value < kProcessorsMax;
  };
  for (uint32_t first = 0; number(first); ++at) {
    uint32_t last = first;
    if (at != end && *at == '-') {
      ++at;
      if (!number(last)) break;
    }
    for (uint32_t each = first; each <= last; ++each) processors.push_back(each);
    if (at == end || *at != ',') break;
  }
  return processors;
}

// By the list of a core's threads; older kernels have only the core's number, of which each package counts its own.
uint32_t count_cores(const std::vector<uint32_t>& processors, const fs::path& root) {
  std::set<std::pair<uint64_t, uint64_t>> cores;
  for (const uint32_t processor : processors) {
    const fs::path topology = folder_of(root, processor) / "topology";
    const std::vector<uint32_t> siblings = processor_list(first_line(topology / "thread_siblings_list"));
    const auto core = read_number(topology / "core_id");
    if (std::ranges::contains(siblings, processor)) {
      cores.emplace(UINT64_MAX, std::ranges::min(siblings));
    } else if (core) {
      cores.emplace(read_number(topology / "physical_package_id").value_or(0), *core);
    }
  }
  return static_cast<uint32_t>(cores.size());
}

std::vector<uint32_t> performance_processors(const std::vector<uint32_t>& processors, const fs::path& root) {
  const std::vector<uint32_t> efficient =
      both(processors, processor_list(first_line(root / "sys/devices/cpu_atom/cpus")));
  const std::vector<uint32_t> fast = both(processors, processor_list(first_line(root / "sys/devices/cpu_core/cpus")));
  if (!fast.empty() && !efficient.empty()) return fast;
  std::map<uint32_t, uint64_t> capacities;
  uint64_t most = 0;
  for (const uint32_t processor : processors) {
    const auto capacity = read_number(folder_of(root, processor) / "cpu_capacity");
    if (!capacity) return {};
    capacities[processor] = *capacity;
    most = std::max(most, *capacity);
  }
  std::erase_if(capacities, [&](const auto& each) {
    return static_cast<double>(each.second) < kFastShare * static_cast<double>(most);
  });
  if (capacities.size() == processors.size()) return {};
  std::vector<uint32_t> fastest;
  for (const auto& [processor, capacity] : capacities) fastest.push_back(processor);
  return fastest;
}

}  // namespace exogpu::gpu
