// The signals that ask a service to stop: SIGINT (Ctrl-C), SIGTERM, and SIGHUP (its terminal has gone).
#pragma once

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"

namespace exogpu::cli {

// SIGINT, SIGTERM, and SIGHUP unless the parent process set it to be ignored.
sigset_t stop_signals();

// Ends the program by the default action of the signal.
void end_by_default(int which);

// Construct it before any other thread: threads started during its life leave these signals to it.
//
// Until ready() a signal ends the program at once, as its default action does; so does the second signal. Files stay
// consistent then, as after any other sudden end. A SIGHUP that the parent set to be ignored (nohup) stays ignored.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // From here on the first signal ends wait().
  void ready();
  // Returns when a signal has asked to stop, or with the error of stop_for().
  Result<void> wait();
  // Ends wait() because of what went wrong. The first error counts. From any thread.
  void stop_for(const Error& why);
  // Ends the program after this time in any case, with status 0, or 1 after stop_for(): a device's computation cannot
  // be interrupted.
  void end_within(std::chrono::milliseconds longest);

 private:
  void listen();

  sigset_t set_{};
  Mutex mutex_;
  CondVar changes_;
  bool ready_ EXO_GUARDED_BY(mutex_) = false;
  bool requested_ EXO_GUARDED_BY(mutex_) = false;  // by a signal
  bool over_ EXO_GUARDED_BY(mutex_) = false;
  std::optional<Error> error_ EXO_GUARDED_BY(mutex_);
  std::jthread listener_;
  std::jthread deadline_;
};

}  // namespace exogpu::cli
