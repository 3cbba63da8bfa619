#include "cli/stop_signals.h"

#include <cstdlib>

namespace exogpu::cli {
namespace {

// Ends the program by the default action of the signal.
void die_of(int which) {
  signal(which, SIG_DFL);
  sigset_t one{};
  sigemptyset(&one);
  sigaddset(&one, which);
  pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  raise(which);
}

}  // namespace

sigset_t stop_signals() {
  sigset_t signals{};
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  struct sigaction inherited = {};
  // A blocked signal is kept for sigwait() even if it is ignored, so an ignored one must not be in the set.
  if (sigaction(SIGHUP, nullptr, &inherited) != 0 || inherited.sa_handler != SIG_IGN) sigaddset(&signals, SIGHUP);
  return signals;
}

StopSignals::StopSignals() : set_(stop_signals()) {
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  listener_ = std::jthread([this] { listen(); });
}

StopSignals::~StopSignals() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  pthread_kill(listener_.native_handle(), SIGTERM);
}

void StopSignals::listen() {
  for (int which = 0; sigwait(&set_, &which) == 0;) {
    const std::lock_guard lock(mutex_);
    if (over_) return;
    if (!ready_ || asked_) die_of(which);
    asked_ = true;
    changes_.notify_all();
  }
}

void StopSignals::ready() {
  const std::lock_guard lock(mutex_);
  ready_ = true;
}

void StopSignals::wait() {
  std::unique_lock lock(mutex_);
  changes_.wait(lock, [&] { return asked_; });
}

void StopSignals::end_within(std::chrono::milliseconds longest) {
  deadline_ = std::jthread([this, longest](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changes_.wait_for(lock, stop, longest, [] { return false; });
    if (!stop.stop_requested()) std::_Exit(EXIT_SUCCESS);
  });
}

}  // namespace exogpu::cli
