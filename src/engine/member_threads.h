// The members of a group beside its first one that are in the same process: each a shard, and the thread that drives
// it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "base/result.h"
#include "engine/cut/shared_exchange.h"
#include "engine/group_call.h"
#include "engine/shard.h"

namespace exogpu::engine {

// The thread waits without sleep for a moment after each call, since the next token follows soon.
class MemberThread {
 public:
  explicit MemberThread(Shard shard);
  ~MemberThread();
  MemberThread(const MemberThread&) = delete;
  MemberThread& operator=(const MemberThread&) = delete;

  // Precondition of begin(): the last one was ended. `call` must be valid until end(), which waits for its result.
  void begin(const GroupCall& call);
  Result<void> end();

  // While no call is in progress.
  const Shard& shard() const { return shard_; }

 private:
  void serve();

  Shard shard_;
  const GroupCall* call_ = nullptr;  // null: the thread ends
  Result<void> result_;
  std::atomic<uint32_t> begun_ = 0;
  std::atomic<uint32_t> ended_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

class MemberThreads final : public OtherMembers {
 public:
  // `exchange`: that of the shards.
  MemberThreads(SharedExchange exchange, std::vector<Shard> shards);

  void begin(const GroupCall& call) override;
  std::span<const Result<void>> end() override;
  size_t size() const override { return threads_.size(); }
  bool on_processor() const override;
  bool reads_file() const override;

 private:
  SharedExchange exchange_;
  std::vector<std::unique_ptr<MemberThread>> threads_;
  std::vector<Result<void>> results_;
};

}  // namespace exogpu::engine
