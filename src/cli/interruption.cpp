#include "cli/interruption.h"

#include <pthread.h>

#include <ctime>

#include "cli/stop_signals.h"

namespace exogpu::cli {

Interruption::Interruption() : signals_(stop_signals()) { pthread_sigmask(SIG_BLOCK, &signals_, nullptr); }

bool Interruption::within(std::chrono::milliseconds longest) const {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(longest);
  const timespec wait{.tv_sec = whole.count(), .tv_nsec = std::chrono::nanoseconds(longest - whole).count()};
  return sigtimedwait(&signals_, nullptr, &wait) > 0;
}

}  // namespace exogpu::cli
