// A member of a group beside its first one: a shard, and the thread that drives it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"
#include "engine/shard.h"

namespace exogpu::engine {

// The thread waits without sleep for a moment after each piece of work, since the next token follows soon.
class MemberThread {
 public:
  using Work = std::function<Result<void>(Shard&)>;

  explicit MemberThread(Shard shard);
  ~MemberThread();
  MemberThread(const MemberThread&) = delete;
  MemberThread& operator=(const MemberThread&) = delete;

  // Precondition of begin(): the last one was ended. `work` must be valid until end(), which waits for its result.
  void begin(const Work& work);
  Result<void> end();

  // While no work is in progress.
  const Shard& shard() const { return shard_; }

 private:
  void serve();

  Shard shard_;
  const Work* work_ = nullptr;  // null: the thread ends
  Result<void> result_;
  std::atomic<uint32_t> begun_ = 0;
  std::atomic<uint32_t> ended_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace exogpu::engine
