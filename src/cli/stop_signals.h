// The signals that ask a service to stop: SIGINT (Ctrl-C), SIGTERM, and SIGHUP (its terminal has gone).
#pragma once

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace exogpu::cli {

// SIGINT, SIGTERM, and SIGHUP unless the parent process set it to be ignored.
sigset_t stop_signals();

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
  // Returns when a signal has asked to stop.
  void wait();
  // Ends the program after this time in any case, with status 0: a device's computation cannot be interrupted.
  void end_within(std::chrono::milliseconds longest);

 private:
  void listen();

  sigset_t set_{};
  std::mutex mutex_;
  std::condition_variable_any changes_;
  bool ready_ = false, asked_ = false, over_ = false;
  std::jthread listener_;
  std::jthread deadline_;
};

}  // namespace exogpu::cli
