// An eventfd that is readable while something is ready. Made when it is first asked for.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace exogpu::capi {

// One thread at a time: its owner has a lock.
class ReadyFd {
 public:
  ReadyFd() = default;
  ~ReadyFd();
  ReadyFd(const ReadyFd&) = delete;
  ReadyFd& operator=(const ReadyFd&) = delete;

  // Errors: resource_exhausted (no more files may be open).
  Result<int32_t> get(bool ready);
  void set(bool ready);

 private:
  int fd_ = -1;
  bool ready_ = false;
};

}  // namespace exogpu::capi
