#include "cli/demo/child_stop.h"

#include <pthread.h>

#include "cli/stop_signals.h"

namespace exogpu::cli {

ChildStop::ChildStop() : set_(stop_signals()) {
  pthread_sigmask(SIG_BLOCK, &set_, &previous_);
  listener_ = std::jthread([this] { listen(); });
}

ChildStop::~ChildStop() {
  {
    const MutexLock lock(mutex_);
    over_ = true;
  }
  pthread_kill(listener_.native_handle(), SIGTERM);
  listener_.join();
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

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

void ChildStop::listen() {
  for (int which = 0; sigwait(&set_, &which) == 0;) {
    const MutexLock lock(mutex_);
    if (over_) return;
    if (signal_ != 0) end_by_default(which);
    signal_ = which;
    for (const pid_t process : processes_) kill(process, SIGTERM);
  }
}

}  // namespace exogpu::cli
