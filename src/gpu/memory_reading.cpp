#include "gpu/memory_reading.h"

#include <string>
#include <vector>

#include "gpu/control_groups.h"
#include "gpu/host.h"
#include "gpu/proc_file.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

// Of "some avg10=0.00 avg60=0.00 avg300=0.00 total=5429792", in microseconds.
std::optional<double> stalled_s(const fs::path& file) {
  constexpr std::string_view key = "total=";
  const std::string some = value_of(read_lines(file), "some");
  const size_t at = some.find(key);
  if (at == std::string::npos) return std::nullopt;
  const auto microseconds = number(std::string_view(some).substr(at + key.size()));
  return microseconds ? std::optional(static_cast<double>(*microseconds) / 1e6) : std::nullopt;
}

}  // namespace

MemoryReading read_memory(const fs::path& root) {
  MemoryReading reading{.memory = read_host_memory(root), .group_stalled_s = {}, .machine_stalled_s = {}};
  const std::vector<std::string> status = read_lines(root / "proc/self/status");
  const auto kib = [&](std::string_view key) { return number(value_of(status, key)).value_or(0) * KiB; };
  reading.own = kib("RssAnon") + kib("RssShmem");
  reading.mapped = kib("RssFile");
  reading.machine_stalled_s = stalled_s(root / "proc/pressure/memory");
  for (const fs::path& group : control_groups(root, "memory")) {
    // The events of a group count those of the groups below it, and so does its pressure.
    const std::vector<std::string> events = read_lines(group / "memory.events");  // version 2
    const std::vector<std::string> control = events.empty() ? read_lines(group / "memory.oom_control") : events;
    const auto pressure = stalled_s(group / "memory.pressure");
    if (control.empty() && !pressure) continue;
    reading.group_stalled_s = pressure;
    reading.limit_hits = number(value_of(events, "high")).value_or(0);
    reading.kills = number(value_of(control, "oom_kill")).value_or(0);
    break;
  }
  return reading;
}

}  // namespace exogpu::gpu
