// The signals that ask a command to stop: SIGINT (Ctrl-C), SIGTERM, and SIGHUP (its terminal has gone).
#pragma once

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "base/result.h"

namespace exogpu::cli {

// SIGINT, SIGTERM, and SIGHUP unless the parent process set it to be ignored (nohup).
sigset_t stop_signals();

// Ends the program by the default action of the signal.
void end_by_default(int which);

// Receives the stop_signals() on a thread of its own.
//
// Construct it before any other thread: threads started during its life leave these signals to it.
class SignalListener {
 public:
  explicit SignalListener(std::function<void(int which)> on_signal);
  ~SignalListener();  // afterwards the calling thread receives the signals as it did before
  SignalListener(const SignalListener&) = delete;
  SignalListener& operator=(const SignalListener&) = delete;

 private:
  sigset_t set_{};
  sigset_t previous_{};
  std::function<void(int which)> on_signal_;
  std::atomic<bool> over_ = false;
  std::jthread thread_;
};

// Lets a service end in its own time. Construct it before any other thread.
//
// Until ready() a signal ends the program at once, as its default action does; so does the second signal. Files stay
// consistent then, as after any other sudden end.
class StopSignals {
 public:
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
  void on_signal(int which);

  Mutex mutex_;
  CondVar changes_;
  bool ready_ EXO_GUARDED_BY(mutex_) = false;
  bool requested_ EXO_GUARDED_BY(mutex_) = false;  // by a signal
  std::optional<Error> error_ EXO_GUARDED_BY(mutex_);
  SignalListener listener_{[this](int which) { on_signal(which); }};
  std::jthread deadline_;
};

}  // namespace exogpu::cli
