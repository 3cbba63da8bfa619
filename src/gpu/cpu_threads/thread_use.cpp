#include "gpu/cpu_threads/thread_use.h"

#include <format>

namespace exogpu::gpu {

std::string reason_of(const ThreadUse& use) {
  switch (use.limit) {
    case ThreadLimit::none: return {};
    case ThreadLimit::fixed: return "fixed by --threads";
    case ThreadLimit::quota:
      return std::format("a quota limits this process to {} of {} cores", use.threads, use.cores);
    case ThreadLimit::sharing:
      return std::format("models that compute at the same time share {} cores: {}", use.cores, use.sharing);
    case ThreadLimit::others:
      return std::format("other processes use {} of {} cores", use.cores - use.threads, use.cores);
    case ThreadLimit::performance: return "the performance cores alone are faster";
    case ThreadLimit::hardware: return "several threads on each core are faster";
    case ThreadLimit::heat: return "more would heat the machine too much";
  }
  return {};
}

std::string to_string(const ThreadUse& use) {
  if (use.threads == 0) return {};
  const std::string reason = reason_of(use);
  return std::format("{} {}{}{}", use.threads, use.threads == 1 ? "thread" : "threads", reason.empty() ? "" : ": ",
                     reason);
}

}  // namespace exogpu::gpu
