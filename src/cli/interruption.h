// Ctrl-C and the like, for a command that waits and looks again and again.
#pragma once

#include <signal.h>

#include <chrono>

namespace exogpu::cli {

// From when it is made, SIGINT, SIGTERM and SIGHUP do not end the program any more; they are only seen here, so that
// what is being written is written to its end. To be made before any other thread.
class Interruption {
 public:
  Interruption();

  // Whether one has come, or comes within this time. Each is told once.
  bool within(std::chrono::milliseconds longest) const;

 private:
  sigset_t signals_{};
};

}  // namespace exogpu::cli
