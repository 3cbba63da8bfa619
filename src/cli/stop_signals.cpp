#include "cli/stop_signals.h"

#include <cstdlib>
#include <utility>

namespace exogpu::cli {

sigset_t stop_signals() {
  sigset_t signals{};
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  struct sigaction inherited = {};
  // A blocked signal stays pending for sigwait() even if it is ignored, so the set must not have ignored signals.
  if (sigaction(SIGHUP, nullptr, &inherited) != 0 || inherited.sa_handler != SIG_IGN) sigaddset(&signals, SIGHUP);
  return signals;
}

void end_by_default(int which) {
  signal(which, SIG_DFL);
  sigset_t one{};
  sigemptyset(&one);
  sigaddset(&one, which);
  pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  raise(which);
}

SignalListener::SignalListener(std::function<void(int which)> on_signal)
    : set_(stop_signals()), on_signal_(std::move(on_signal)) {
  pthread_sigmask(SIG_BLOCK, &set_, &previous_);
  thread_ = std::jthread([this] {
    for (int which = 0; sigwait(&set_, &which) == 0 && !over_;) on_signal_(which);
  });
}

SignalListener::~SignalListener() {
  over_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

void StopSignals::on_signal(int which) {
  const MutexLock lock(mutex_);
  if (!ready_ || requested_) end_by_default(which);
  requested_ = true;
  changes_.notify_all();
}

void StopSignals::ready() {
  const MutexLock lock(mutex_);
  ready_ = true;
}

Result<void> StopSignals::wait() {
  MutexLock lock(mutex_);
  while (!requested_ && !error_) changes_.wait(lock);
  if (error_) return std::unexpected(*error_);
  return {};
}

void StopSignals::stop_for(const Error& why) {
  const MutexLock lock(mutex_);
  if (!error_) error_ = why;
  changes_.notify_all();
}

void StopSignals::end_within(std::chrono::milliseconds longest) {
  deadline_ = std::jthread([this, longest](const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] {
      const MutexLock lock(mutex_);
      changes_.notify_all();
    });
    MutexLock lock(mutex_);
    const auto end = std::chrono::steady_clock::now() + longest;
    while (!stop.stop_requested() && std::chrono::steady_clock::now() < end) changes_.wait_until(lock, end);
    if (!stop.stop_requested()) std::_Exit(error_ ? EXIT_FAILURE : EXIT_SUCCESS);
  });
}

}  // namespace exogpu::cli
