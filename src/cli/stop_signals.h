// Ctrl-C and what asks a service to stop (SIGTERM), for a program of many threads.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace exogpu::cli {

// To be made before any other thread: those that begin while it lives leave these signals to it.
//
// Until ready() a signal ends the program at once, as it ends one that does not mind signals; and so does the second.
// What is on the disk is then as whole as after any other death.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // From here on the first signal is for wait().
  void ready();
  // Returns when somebody asks to stop.
  void wait();
  // The program ends after this time in any case, successfully: a device at work cannot be broken off.
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
