// One at a time, in the order of arrival.
#pragma once

#include <cstdint>
#include <deque>
#include <stop_token>

#include "base/mutex.h"

namespace exogpu::capi {

// Any thread may call.
class Turns {
 public:
  // Holds the turn while it exists, if it has it.
  class Turn {
   public:
    Turn(Turns& turns, const std::stop_token& cancel);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    // False: `cancel` asked to stop while it waited.
    explicit operator bool() const { return has_it_; }

   private:
    Turns& turns_;
    uint64_t number_ = 0;
    bool has_it_ = false;
  };

 private:
  Mutex mutex_;
  CondVar changes_;
  uint64_t next_ EXO_GUARDED_BY(mutex_) = 0;
  std::deque<uint64_t> waiting_ EXO_GUARDED_BY(mutex_);  // the first has the turn
};

}  // namespace exogpu::capi
