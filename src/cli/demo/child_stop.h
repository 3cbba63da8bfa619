// Stop signals (cli/stop_signals.h) for a command that waits for its child processes.
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/mutex.h"
#include "cli/stop_signals.h"

namespace exogpu::cli {

// On the first stop signal every child process gets SIGTERM, so that whatever waits for one of them continues with
// an error and the command can remove what it created. The second signal ends the program at once.
//
// Construct it before any other thread.
class ChildStop {
 public:
  // The process gets SIGTERM with the stop signal, or now if that has already come.
  void add(pid_t process);
  // To be called before the process is waited for: its id may be another's afterwards.
  void remove(pid_t process);

  // The received stop signal, or 0. From any thread.
  int signal() const;

 private:
  void on_signal(int which);

  mutable Mutex mutex_;
  int signal_ EXO_GUARDED_BY(mutex_) = 0;
  std::vector<pid_t> processes_ EXO_GUARDED_BY(mutex_);
  SignalListener listener_{[this](int which) { on_signal(which); }};
};

}  // namespace exogpu::cli
