#include "engine/member_threads.h"

#include <algorithm>
#include <utility>

namespace exogpu::engine {

MemberThread::MemberThread(Shard shard) : shard_(std::move(shard)), thread_([this] { serve(); }) {}

MemberThread::~MemberThread() {
  call_ = nullptr;
  begun_.fetch_add(1, std::memory_order_release);
  begun_.notify_all();
}

void MemberThread::begin(const GroupCall& call) {
  call_ = &call;
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
    if (call_ == nullptr) return;
    result_ = do_call(shard_, *call_);
    ended_.store(done + 1, std::memory_order_release);
    ended_.notify_all();
  }
}

MemberThreads::MemberThreads(SharedExchange exchange, std::vector<Shard> shards)
    : exchange_(std::move(exchange)), results_(shards.size()) {
  for (Shard& shard : shards) threads_.push_back(std::make_unique<MemberThread>(std::move(shard)));
}

// A member that failed in the call before had abandoned it, and nobody is in the exchange now.
void MemberThreads::begin(const GroupCall& call) {
  exchange_.restart();
  for (auto& thread : threads_) thread->begin(call);
}

std::span<const Result<void>> MemberThreads::end() {
  for (size_t i = 0; i < threads_.size(); ++i) results_[i] = threads_[i]->end();
  return results_;
}

bool MemberThreads::on_processor() const {
  return std::ranges::any_of(threads_, [](const auto& thread) { return thread->shard().on_processor(); });
}

bool MemberThreads::reads_file() const {
  return std::ranges::any_of(threads_, [](const auto& thread) { return thread->shard().reads_file(); });
}

}  // namespace exogpu::engine
