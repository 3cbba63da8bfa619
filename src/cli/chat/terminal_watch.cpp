#include "cli/chat/terminal_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace exogpu::cli {
namespace {

// A hang-up usually wakes poll() at once. This is the limit for systems that wake only threads that wait for input.
constexpr int kLookAgainMs = 1000;

// The editor's handlers, by signal. Written before this class installs its own.
std::array<struct sigaction, NSIG> editor_handlers;

void end_by(int which) {
  signal(which, SIG_DFL);
  raise(which);
}

void on_ending_signal(int which, siginfo_t* info, void* context) {
  const struct sigaction& editor = editor_handlers[static_cast<size_t>(which)];
  if ((editor.sa_flags & SA_SIGINFO) != 0) {
    editor.sa_sigaction(which, info, context);
  } else if (editor.sa_handler != SIG_DFL && editor.sa_handler != SIG_IGN) {
    editor.sa_handler(which);
  }
  end_by(which);  // takes effect when this handler returns, which unblocks the signal
}

void watch_standard_input(int stop_event) {
  std::array<pollfd, 2> files = {pollfd{.fd = STDIN_FILENO, .events = 0, .revents = 0},
                                 pollfd{.fd = stop_event, .events = POLLIN, .revents = 0}};
  while (files[1].revents == 0) {
    if (poll(files.data(), files.size(), kLookAgainMs) <= 0 || files[0].revents == 0) continue;
    sigset_t hang_up{};
    sigemptyset(&hang_up);
    sigaddset(&hang_up, SIGHUP);
    pthread_sigmask(SIG_UNBLOCK, &hang_up, nullptr);
    end_by(SIGHUP);
  }
}

}  // namespace

TerminalWatch::TerminalWatch() : stop_(eventfd(0, EFD_CLOEXEC)) {
  for (size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction inherited = {};
    ignored_[i] = sigaction(kSignals[i], nullptr, &inherited) == 0 && inherited.sa_handler == SIG_IGN;
  }
}

TerminalWatch::~TerminalWatch() {
  eventfd_write(stop_, 1);
  if (watcher_.joinable()) watcher_.join();
  close(stop_);
  for (size_t i = 0; began_ && i < kSignals.size(); ++i) {
    if (!ignored_[i]) sigaction(kSignals[i], &editor_handlers[static_cast<size_t>(kSignals[i])], nullptr);
  }
  if (began_) pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void TerminalWatch::begin() {
  sigset_t watched;
  sigemptyset(&watched);
  for (size_t i = 0; i < kSignals.size(); ++i) {
    if (ignored_[i]) continue;
    sigaddset(&watched, kSignals[i]);
    sigaction(kSignals[i], nullptr, &editor_handlers[static_cast<size_t>(kSignals[i])]);
    struct sigaction ours = {};
    ours.sa_sigaction = &on_ending_signal;
    ours.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(kSignals[i], &ours, nullptr);
  }
  began_ = true;
  watcher_ = std::thread([stop_event = stop_] { watch_standard_input(stop_event); });
  // After the thread has inherited the mask. ThreadSanitizer holds a handler back while its thread is in read(), which
  // is where the editor waits; the watching thread waits in poll(), where handlers run.
  pthread_sigmask(SIG_BLOCK, &watched, &mask_before_);
}

}  // namespace exogpu::cli
