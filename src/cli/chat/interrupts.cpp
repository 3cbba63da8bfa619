#include "cli/chat/interrupts.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

namespace exogpu::cli {
namespace {

constexpr int presses_to_end = 3;

// A signal handler may do little: it counts, and wakes the thread that requests the stop.
std::atomic<int> wake_fd = -1;
std::atomic<int> presses = 0;

void on_interrupt(int) {
  const int saved = errno;
  if (++presses >= presses_to_end) {
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
  }
  const char byte = 'i';
  [[maybe_unused]] auto written = write(wake_fd, &byte, 1);
  errno = saved;
}

}  // namespace

struct Interrupts::Impl {
  std::stop_source source;
  std::array<int, 2> wake = {-1, -1};  // a pipe: read end, write end
  struct sigaction before = {};
  std::thread watcher;
};

Interrupts::Interrupts() : impl_(std::make_unique<Impl>()) {
  if (pipe2(impl_->wake.data(), O_CLOEXEC) != 0) return;  // without it, Ctrl-C ends the program as usual
  impl_->watcher = std::thread([this] {
    char byte = 0;
    while (read(impl_->wake[0], &byte, 1) == 1 && byte == 'i') impl_->source.request_stop();
  });
  presses = 0;
  wake_fd = impl_->wake[1];
  struct sigaction action = {};
  action.sa_handler = &on_interrupt;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &impl_->before);
}

Interrupts::~Interrupts() {
  if (!impl_->watcher.joinable()) return;
  sigaction(SIGINT, &impl_->before, nullptr);
  const char byte = 'q';
  [[maybe_unused]] auto written = write(impl_->wake[1], &byte, 1);
  impl_->watcher.join();
  wake_fd = -1;
  for (int fd : impl_->wake) close(fd);
}

void Interrupts::request_stop() { impl_->source.request_stop(); }

std::stop_token Interrupts::token() const { return impl_->source.get_token(); }

}  // namespace exogpu::cli
