// Stop signals (Ctrl-C and others) for a command that waits in a loop.
#pragma once

#include <signal.h>

#include <chrono>

namespace exogpu::cli {

// From its construction on, the stop signals (cli/stop_signals.h) no longer end the program: within() reports them, so
// that files in writing are completed. Construct it before any other thread.
class Interruption {
 public:
  Interruption();

  // Whether a signal has come or comes within this time. Each is reported once.
  bool within(std::chrono::milliseconds longest) const;

 private:
  sigset_t signals_{};
};

}  // namespace exogpu::cli
