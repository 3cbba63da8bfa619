#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "api/metrics/families.h"

namespace exogpu::api {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

// The names are those of Prometheus' own client libraries.
void add_process(PrometheusText& out) {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    out.begin("process_cpu_seconds_total", "counter", "Processor time of the process.");
    out.add(seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
  }
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0, resident = 0;
  if (statm >> pages >> resident) {
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    out.begin("process_resident_memory_bytes", "gauge", "Memory of the process that is resident.");
    out.add(static_cast<double>(resident) * page);
    out.begin("process_virtual_memory_bytes", "gauge", "Address space of the process.");
    out.add(static_cast<double>(pages) * page);
  }
  std::error_code error;
  const std::filesystem::directory_iterator open("/proc/self/fd", error);
  if (error) return;
  out.begin("process_open_fds", "gauge", "Open file descriptors.");
  out.add(static_cast<double>(std::distance(begin(open), end(open))));
}

}  // namespace exogpu::api
