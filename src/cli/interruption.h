// Stop signals (Ctrl-C and others) for commands that wait in a loop.
#pragma once

#include <signal.h>

#include <chrono>

namespace exogpu::cli {

// From its construction on, the stop signals (cli/stop_signals.h) do not end the program; within() reports them, so
// that files being written are completed. Construct it before any other thread.
class Interruption {
 public:
  Interruption();

  // Returns whether a signal has arrived or arrives within this time. Each signal is reported once.
  bool within(std::chrono::milliseconds longest) const;

 private:
  sigset_t signals_{};
};

}  // namespace exogpu::cli
