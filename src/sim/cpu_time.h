// The CPU time of this thread.
#pragma once

#include <ctime>

namespace exogpu::sim {

inline double cpu_s() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace exogpu::sim
