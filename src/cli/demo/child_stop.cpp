#include "cli/demo/child_stop.h"

#include <signal.h>

namespace exogpu::cli {

void ChildStop::add(pid_t process) {
  const MutexLock lock(mutex_);
  processes_.push_back(process);
  if (signal_ != 0) kill(process, SIGTERM);
}

void ChildStop::remove(pid_t process) {
  const MutexLock lock(mutex_);
  std::erase(processes_, process);
}

int ChildStop::signal() const {
  const MutexLock lock(mutex_);
  return signal_;
}

void ChildStop::on_signal(int which) {
  const MutexLock lock(mutex_);
  if (signal_ != 0) end_by_default(which);
  signal_ = which;
  for (const pid_t process : processes_) kill(process, SIGTERM);
}

}  // namespace exogpu::cli
