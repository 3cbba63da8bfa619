// Which rows of the pool the sequences have.
#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "pipeline/scheduler.h"

namespace exogpu::pipeline {
namespace {

// Regions up to so many steps have sizes that are powers of two: neighbours of equal size are attended to together.
constexpr uint32_t kStepsEqual = 16;

}  // namespace

// For the tokens that it has. They are promised: others wait rather than that these go.
uint32_t Scheduler::rows_of(const Active& active) const { return pool_->rows_for(active.request.tokens.size()); }

bool Scheduler::has_its_rows(const Active& active) const {
  return !pool_ || rows_of(active) <= pool_->of(active.sequence.value()).rows;
}

uint32_t Scheduler::unpromised_rows() const {
  uint32_t promised = 0;
  for (const auto& [id, active] : active_) promised += rows_of(active);
  return pool_->rows() - std::min(promised, pool_->rows());
}

bool Scheduler::has_rows_for(const Request& request) const {
  if (!pool_ || active_.empty()) return true;
  uint64_t room = answer_room();
  if (request.tokens_max > 0) room = std::min<uint64_t>(room, request.tokens_max);
  return unpromised_rows() >= pool_->rows_for(std::min<uint64_t>(request.tokens.size() + room, options_.context));
}

// While the free sequence keeps its tokens.
bool Scheduler::has_rows_beside(uint32_t index, const Request& request) const {
  if (!pool_) return true;
  const uint64_t needed =
      uint64_t{pool_->rows_for(slots_[index].tokens.size())} + pool_->rows_for(request.tokens.size());
  return needed <= unpromised_rows();
}

bool Scheduler::has_free_sequence() const {
  if (!waiting_.empty() || active_.size() >= slots_.size()) return false;
  return !pool_ || unpromised_rows() >= pool_->rows_for(answer_room());
}

void Scheduler::append(const std::vector<wire::Placement>& placements) {
  for (const wire::Placement& placement : placements) change(placement.sequence).emplace<wire::Place>(placement.region);
}

// Leaves the region of a sequence so many rows, and the sequence the tokens in them.
void Scheduler::shorten(uint32_t index, uint32_t rows) {
  std::vector<wire::Placement> changes;
  pool_->shrink(index, rows, changes);
  append(changes);
  Slot& kv = slots_[index];
  if (kv.tokens.size() <= rows) return;
  kv.tokens.resize(rows);
  std::erase_if(kv.in_flight, [&](const TokensInFlight& part) { return part.position >= rows; });
  if (kv.replayed >= rows) kv.replayed.reset();
}

// Frees rows for another sequence: those without tokens, then the last ones of the free sequence that was unused for
// longest; not those of `source`. False: there are none.
bool Scheduler::free_some_rows(uint32_t index, uint32_t missing, std::optional<uint32_t> source) {
  std::vector<uint32_t> needed(slots_.size());
  for (uint32_t i = 0; i < slots_.size(); ++i)
    needed[i] = pool_->rows_for(slots_[i].broken ? 0 : slots_[i].tokens.size());
  for (const auto& [id, active] : active_) needed[active.sequence.value()] = rows_of(active);
  std::optional<uint32_t> oldest;
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (i == index) continue;
    if (pool_->of(i).rows > needed[i]) {
      shorten(i, needed[i]);
      return true;
    }
    const bool idle = !slots_[i].used && i != source && pool_->of(i).rows > 0;
    if (idle && (!oldest || slots_[i].last_use < slots_[*oldest].last_use)) oldest = i;
  }
  if (!oldest) return false;
  const uint32_t rows = pool_->of(*oldest).rows;
  shorten(*oldest, rows - std::min(rows, pool_->rows_for(missing)));
  return true;
}

// Gives the sequence rows for so many tokens, and more if they are free. Precondition: as many are not promised to
// others, nor held by the sequence `source`, which keeps its tokens.
void Scheduler::give_rows(uint32_t index, uint32_t tokens, std::optional<uint32_t> source) {
  if (!pool_) return;
  const uint32_t needed = pool_->rows_for(tokens);
  const auto missing = [&] {
    const uint32_t there = pool_->of(index).rows + pool_->free_rows();
    return needed - std::min(needed, there);
  };
  while (missing() > 0) {
    const bool freed = free_some_rows(index, missing(), source);
    EXO_ASSERT(freed, "a sequence gets rows that are not promised to others");
  }
  const uint32_t step = options_.region_step;
  const uint32_t steps = needed / step;
  const uint32_t wished = steps <= kStepsEqual ? std::bit_ceil(steps) : steps + steps / 4;
  std::vector<wire::Placement> changes;
  pool_->grow(index, needed, std::min(wished * step, std::max(needed, pool_->rows_for(options_.context))), changes);
  append(changes);
}

// Before a step: rows for the tokens that were sampled. Where all are promised, the youngest requests wait once more.
void Scheduler::grow_regions() {
  if (!pool_) return;
  for (const RequestId id : std::vector(admitted_)) {
    const auto found = active_.find(id);
    if (changes_full()) return;
    if (found == active_.end() || has_its_rows(found->second)) continue;
    const auto promised = [&] {
      uint64_t rows = 0;
      for (const auto& [other, active] : active_) rows += rows_of(active);
      return rows;
    };
    while (promised() > pool_->rows() && active_.contains(id)) preempt(admitted_.back());
    if (active_.contains(id)) {
      give_rows(found->second.sequence.value(), static_cast<uint32_t>(found->second.request.tokens.size()));
    }
  }
}

// Empties the sequences that no request has.
void Scheduler::drop_cached() {
  for (uint32_t i = 0; i < slots_.size() && !changes_full(); ++i) {
    Slot& kv = slots_[i];
    if (kv.used || (kv.tokens.empty() && !kv.broken)) continue;
    change(wire::SeqId(i)).emplace<wire::Truncate>(0);
    kv.lose();
    kv.broken = false;
    if (pool_) shorten(i, 0);
    releases_ = true;
  }
}

// The request waits once more, and its sequence keeps what nobody else needs.
void Scheduler::preempt(RequestId id) {
  Active& active = active_.at(id);
  Slot& kv = slot(active.sequence);
  kv.used = false;
  kv.last_use = ++uses_;
  Request request = std::move(active.request);
  const auto prompt = static_cast<uint32_t>(request.tokens.size()) - active.generated;
  request.prompt_tokens = request.prompt_tokens.value_or(prompt);
  if (request.tokens_max > 0) request.tokens_max -= active.generated;
  request.accepted_before = true;
  if (active.generated > 0) request.prompt_logprobs.reset();  // they were reported
  request.reused_at_first = request.reused_at_first.value_or(active.reused);
  ++preempted_;
  forget(id);
  waiting_.put_back(id, std::move(request));
}

}  // namespace exogpu::pipeline
