#include "capi/turns.h"

#include <algorithm>

namespace exogpu::capi {

Turns::Turn::Turn(Turns& turns, const std::stop_token& cancel) : turns_(turns) {
  {
    const MutexLock lock(turns_.mutex_);
    number_ = turns_.next_++;
    turns_.waiting_.push_back(number_);
  }
  const std::stop_callback wake(cancel, [this] {
    const MutexLock lock(turns_.mutex_);
    turns_.changes_.notify_all();
  });
  MutexLock lock(turns_.mutex_);
  while (turns_.waiting_.front() != number_ && !cancel.stop_requested()) turns_.changes_.wait(lock);
  has_it_ = turns_.waiting_.front() == number_;
}

Turns::Turn::~Turn() {
  const MutexLock lock(turns_.mutex_);
  std::erase(turns_.waiting_, number_);
  turns_.changes_.notify_all();
}

}  // namespace exogpu::capi
