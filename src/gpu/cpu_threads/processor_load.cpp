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

// "user nice system idle iowait irq softirq steal ..." of /proc/stat, in ticks. Time that a hypervisor gave to others
// (steal) counts: the processor was not free.
double busy_s(std::istringstream& fields) {
  static const auto ticks_per_s = static_cast<double>(std::max(1L, sysconf(_SC_CLK_TCK)));
  uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  fields >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
  return static_cast<double>(user + nice + system + irq + softirq + steal) / ticks_per_s;
}

// The lines "cpu ..." (all processors), "cpu0 ...", "cpu1 ..." stand at the beginning of the file. The first is a sum
// of nanoseconds, rounded once; the sum of the others is rounded once for each processor, so it is used only when
// needed.
std::optional<double> read_busy_s(const fs::path& file, const std::vector<uint32_t>& processors) {
  double all = 0;
  double chosen = 0;
  size_t count = 0;
  size_t count_chosen = 0;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line) && line.starts_with("cpu");) {
    std::istringstream fields(line.substr(3));
    if (line.starts_with("cpu ")) {
      all = busy_s(fields);
      continue;
    }
    uint32_t processor = 0;
    if (!(fields >> processor)) continue;
    ++count;
    if (!std::ranges::contains(processors, processor)) continue;
    ++count_chosen;
    chosen += busy_s(fields);
  }
  if (count == 0) return std::nullopt;
  return processors.empty() || count_chosen == count ? all : chosen;
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
  return {.busy_s = read_busy_s(root / "proc/stat", processors), .waited_s = read_waited_s(root)};
}

}  // namespace exogpu::gpu
