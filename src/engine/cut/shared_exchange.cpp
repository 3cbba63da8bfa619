#include "engine/cut/shared_exchange.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace exogpu::engine {
namespace {

constexpr size_t kLineFloats = 16;  // of a cache line, which two members should not write to
constexpr uint32_t kLooks = 2000;   // some tens of microseconds, in which a member that computes as much arrives
constexpr std::chrono::milliseconds kAwake{5};

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace

void wait_for_change(const std::atomic<uint32_t>& word, uint32_t from) {
  const auto changed = [&] { return word.load(std::memory_order_acquire) != from; };
  for (uint32_t i = 0; i < kLooks; ++i) {
    if (changed()) return;
    relax();
  }
  const auto until = std::chrono::steady_clock::now() + kAwake;
  while (std::chrono::steady_clock::now() < until) {
    if (changed()) return;
    std::this_thread::yield();
  }
  while (!changed()) word.wait(from, std::memory_order_acquire);
}

struct SharedExchange::State {
  struct Posted {
    std::span<float> values;      // of sum()
    std::span<const float> part;  // of gather()
  };

  explicit State(uint32_t members) : posted(members) {}

  std::vector<Posted> posted;  // each is written by its member before meet(), and read by all after it
  std::atomic<uint32_t> arrived = 0;
  std::atomic<uint32_t> round = 0;
  std::atomic<bool> abandoned = false;

  // Waits for all members. Errors: cancelled.
  Result<void> meet() {
    const uint32_t now = round.load(std::memory_order_acquire);
    if (abandoned.load(std::memory_order_acquire)) return left();
    if (arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == posted.size()) {
      arrived.store(0, std::memory_order_relaxed);
      round.store(now + 1, std::memory_order_release);
      round.notify_all();
    } else {
      wait_for_change(round, now);
    }
    return abandoned.load(std::memory_order_acquire) ? left() : Result<void>();
  }

  void abandon() {
    abandoned.store(true, std::memory_order_release);
    round.fetch_add(1, std::memory_order_acq_rel);
    round.notify_all();
  }

  static Result<void> left() { return fail(ErrorCode::cancelled, "another member of the group has failed"); }
};

class SharedExchange::Member final : public Exchange {
 public:
  Member(std::shared_ptr<State> state, uint32_t rank) : state_(std::move(state)), rank_(rank) {}

  Result<void> sum(std::span<float> values) override {
    state_->posted[rank_].values = values;
    EXO_CHECK(state_->meet());
    for (const State::Posted& other : state_->posted)
      if (other.values.size() != values.size())
        return fail(ErrorCode::internal, "members of a group add {} and {} values", values.size(), other.values.size());
    add_own_part(values.size());
    return state_->meet();
  }

  Result<void> gather(std::span<const float> part, size_t rows, std::span<float> whole) override {
    state_->posted[rank_].part = part;
    EXO_CHECK(state_->meet());
    if (rank_ == 0) EXO_CHECK(join(rows, whole));
    return state_->meet();
  }

  void abandon() override { state_->abandon(); }

 private:
  void add_own_part(size_t size) const {
    const auto& posted = state_->posted;
    const size_t lines = (size + kLineFloats - 1) / kLineFloats;
    const size_t begin = std::min(size, lines * rank_ / posted.size() * kLineFloats);
    const size_t end = std::min(size, lines * (rank_ + 1) / posted.size() * kLineFloats);
    float* const sums = posted[0].values.data();
    for (size_t member = 1; member < posted.size(); ++member) {
      const float* const more = posted[member].values.data();
      for (size_t i = begin; i < end; ++i) sums[i] += more[i];
    }
    for (size_t member = 1; member < posted.size(); ++member)
      std::copy(sums + begin, sums + end, posted[member].values.data() + begin);
  }

  Result<void> join(size_t rows, std::span<float> whole) const {
    size_t columns = 0;
    for (const State::Posted& member : state_->posted) columns += rows == 0 ? 0 : member.part.size() / rows;
    if (columns * rows != whole.size())
      return fail(ErrorCode::internal, "members of a group have {} columns of {} values", columns, whole.size());
    size_t at = 0;
    for (const State::Posted& member : state_->posted) {
      const size_t width = rows == 0 ? 0 : member.part.size() / rows;
      for (size_t row = 0; row < rows; ++row)
        std::ranges::copy(member.part.subspan(row * width, width), whole.data() + row * columns + at);
      at += width;
    }
    return {};
  }

  std::shared_ptr<State> state_;
  uint32_t rank_;
};

SharedExchange::SharedExchange(uint32_t members) : state_(std::make_shared<State>(members)) {}

std::shared_ptr<Exchange> SharedExchange::member(uint32_t rank) const { return std::make_shared<Member>(state_, rank); }

void SharedExchange::restart() {
  state_->arrived.store(0, std::memory_order_relaxed);
  state_->abandoned.store(false, std::memory_order_release);
}

}  // namespace exogpu::engine
