#include "engine/member_thread.h"

#include <utility>

#include "engine/cut/shared_exchange.h"

namespace exogpu::engine {

MemberThread::MemberThread(Shard shard) : shard_(std::move(shard)), thread_([this] { serve(); }) {}

MemberThread::~MemberThread() {
  work_ = nullptr;
  begun_.fetch_add(1, std::memory_order_release);
  begun_.notify_all();
}

void MemberThread::begin(const Work& work) {
  work_ = &work;
  begun_.fetch_add(1, std::memory_order_release);
  begun_.notify_all();
}

Result<void> MemberThread::end() {
  const uint32_t begun = begun_.load(std::memory_order_relaxed);
  wait_for_change(ended_, begun - 1);
  return std::exchange(result_, {});
}

void MemberThread::serve() {
  for (uint32_t done = 0;; ++done) {
    wait_for_change(begun_, done);
    if (work_ == nullptr) return;
    result_ = (*work_)(shard_);
    ended_.store(done + 1, std::memory_order_release);
    ended_.notify_all();
  }
}

}  // namespace exogpu::engine
