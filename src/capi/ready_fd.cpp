#include "capi/ready_fd.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace exogpu::capi {

ReadyFd::~ReadyFd() {
  if (fd_ >= 0) close(fd_);
}

Result<int32_t> ReadyFd::get(bool ready) {
  if (fd_ < 0) fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd_ < 0) return fail(ErrorCode::resource_exhausted, "an eventfd cannot be made: {}", std::strerror(errno));
  set(ready);
  return fd_;
}

void ReadyFd::set(bool ready) {
  if (fd_ < 0 || ready == ready_) return;
  uint64_t count = 1;
  // Neither can block nor fail: the counter is 0 or 1.
  if (ready) {
    (void)!write(fd_, &count, sizeof count);
  } else {
    (void)!read(fd_, &count, sizeof count);
  }
  ready_ = ready;
}

}  // namespace exogpu::capi
