#include "cli/interruption.h"

#include <pthread.h>

#include <ctime>

namespace exogpu::cli {

Interruption::Interruption() {
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

bool Interruption::within(std::chrono::milliseconds longest) const {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(longest);
  const timespec wait{.tv_sec = whole.count(), .tv_nsec = std::chrono::nanoseconds(longest - whole).count()};
  return sigtimedwait(&signals_, nullptr, &wait) > 0;
}

}  // namespace exogpu::cli
