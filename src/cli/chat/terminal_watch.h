// Ends the program when the terminal of its line editor closes, or when a signal asks it to end.
//
// The line editor (isocline) handles terminating signals by restoring the terminal, and then continues; and it reads a
// closed terminal in an endless loop that takes more and more memory. So this class handles both.
#pragma once

#include <signal.h>

#include <array>
#include <thread>

namespace exogpu::cli {

// Construct it before the editor's first call. At most one at a time.
class TerminalWatch {
 public:
  TerminalWatch();   // notes which signals the parent process set to be ignored; those stay so
  ~TerminalWatch();  // stops watching
  TerminalWatch(const TerminalWatch&) = delete;
  TerminalWatch& operator=(const TerminalWatch&) = delete;

  // Call it after the editor's first call, on the thread that also destroys this. From here on SIGHUP and SIGTERM
  // restore the terminal and end the program by their default action; the loss of standard input's terminal ends it as
  // SIGHUP does, even where that is ignored. The signals are blocked on this thread until then: the watching thread
  // takes them, whatever the editor is doing.
  void begin();

 private:
  static constexpr std::array<int, 2> kSignals = {SIGHUP, SIGTERM};
  std::array<bool, kSignals.size()> ignored_{};
  bool began_ = false;
  sigset_t mask_before_{};
  int stop_;  // an event file that ends the watch
  std::thread watcher_;
};

}  // namespace exogpu::cli
