#include "gpu/cpu_threads/processor_load.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "gpu/host.h"
#include "gpu/sensors/sysfs.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

// Adds "user nice system idle iowait irq softirq steal ..." of /proc/stat, in ticks. Time that a hypervisor gave to
// others (steal) is busy: the processor was not free.
void add(ProcessorTimes& times, std::istringstream& fields) {
  static const auto ticks_per_s = static_cast<double>(std::max(1L, sysconf(_SC_CLK_TCK)));
  uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  fields >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
  const uint64_t busy = user + nice + system + irq + softirq + steal;
  times.busy_s = times.busy_s.value_or(0) + static_cast<double>(busy) / ticks_per_s;
  times.idle_s += static_cast<double>(idle + iowait) / ticks_per_s;
  times.stolen_s += static_cast<double>(steal) / ticks_per_s;
}

// The lines "cpu ..." (all processors), "cpu0 ...", "cpu1 ..." stand at the beginning of the file. The first is a sum
// of nanoseconds, rounded once; the sum of the others is rounded once for each processor, so it is used only when
// needed.
ProcessorTimes read_stat(const fs::path& file, const std::vector<uint32_t>& processors) {
  ProcessorTimes all;
  ProcessorTimes chosen;
  uint32_t count = 0;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line) && line.starts_with("cpu");) {
    std::istringstream fields(line.substr(3));
    if (line.starts_with("cpu ")) {
      add(all, fields);
      continue;
    }
    uint32_t processor = 0;
    if (!(fields >> processor)) continue;
    ++count;
    if (!std::ranges::contains(processors, processor)) continue;
    ++chosen.processors;
    add(chosen, fields);
  }
  if (count == 0) return {};
  if (!processors.empty() && chosen.processors < count) return chosen;
  all.processors = count;
  return all;
}

}  // namespace

std::optional<double> read_waited_s(const fs::path& root) {
  double total = 0;
  bool counted = false;
  for (const fs::path& task : entries(root / "proc/self/task", "")) {
    // "nanoseconds on a processor, nanoseconds on a run queue, time slices"
    std::istringstream text(read_text(task / "schedstat").value_or(""));
    uint64_t ran_ns = 0;
    uint64_t waited_ns = 0;
    if (!(text >> ran_ns >> waited_ns)) continue;
    counted = true;
    total += static_cast<double>(waited_ns) / 1e9;
  }
  if (!counted) return std::nullopt;
  // The kernel counts a thread that its quota keeps from running as one that waits.
  return total - read_throttled_s(root).value_or(0);
}

std::optional<uint32_t> read_running_threads(const fs::path& root) {
  constexpr std::string_view kName = "procs_running ";
  std::ifstream in(root / "proc/stat");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(kName)) continue;
    uint32_t running = 0;
    if (std::istringstream(line.substr(kName.size())) >> running) return running;
  }
  return std::nullopt;
}

ProcessorTimes read_processor_times(const fs::path& root, const std::vector<uint32_t>& processors) {
  ProcessorTimes times = read_stat(root / "proc/stat", processors);
  times.waited_s = read_waited_s(root);
  return times;
}

double busy_processors(const ProcessorTimes& before, const ProcessorTimes& after, double seconds) {
  constexpr double counted_least = 0.8;  // of the time of all processors
  const double all = after.processors;
  const double busy = (after.busy_s.value_or(0) - before.busy_s.value_or(0)) / seconds;
  const double idle = (after.idle_s - before.idle_s) / seconds;
  return std::clamp(busy + idle >= counted_least * all ? all - idle : busy, 0.0, all);
}

}  // namespace exogpu::gpu
