// What the sequences have already of a request's tokens.
#include <algorithm>

#include "pipeline/scheduler.h"

namespace exogpu::pipeline {
namespace {

uint32_t common_prefix(const std::vector<wire::TokenId>& a, const std::vector<wire::TokenId>& b) {
  return static_cast<uint32_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// Shorter than this, computing the tokens again is as cheap as copying them.
constexpr uint32_t kCopyMin = 16;

}  // namespace

// Tokens at the beginning of the request that the sequence has, and that the request may take.
uint32_t Scheduler::common_with(const Slot& slot, const Request& request) const {
  const bool others = options_.private_prefixes && slot.client != request.client;
  // An answer that was begun continues with its own.
  const bool afresh = request.afresh() || (request.computes_afresh && !request.continues() && !request.reused_at_first);
  if (slot.broken || afresh || others) return 0;
  return common_prefix(slot.tokens, request.tokens);
}

// The free sequence that has most of these tokens already, and how many; of equals the one longest unused.
std::pair<uint32_t, uint32_t> Scheduler::best_slot(const Request& request) const {
  std::optional<uint32_t> best;
  uint32_t most = 0;
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    const Slot& candidate = slots_[i];
    if (candidate.used) continue;
    const uint32_t common = common_with(candidate, request);
    if (!best || common > most || (common == most && candidate.last_use < slots_[*best].last_use)) {
      best = i;
      most = common;
    }
  }
  return {best.value_or(static_cast<uint32_t>(slots_.size())), most};
}

std::optional<uint32_t> Scheduler::empty_slot() const {
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (!slots_[i].used && !slots_[i].broken && slots_[i].tokens.empty()) return i;
  }
  return std::nullopt;
}

// Whether the request should copy what it has in common with this free sequence, so that another conversation keeps the
// rest.
bool Scheduler::spares(uint32_t index, uint32_t common, const Request& request) const {
  const Slot& kv = slots_[index];
  const bool another = common >= kCopyMin && common < request.tokens.size() && kv.tokens.size() >= common + kCopyMin;
  return another && !kv.replayed && has_rows_beside(index, request);
}

// Makes the sequence one with as much of the prompt as some sequence already has; returns how much. `common`: that it
// has itself.
uint32_t Scheduler::take_prefix(uint32_t index, const Request& request, uint32_t common) {
  const auto& tokens = request.tokens;
  const wire::SeqId id(index);
  Slot& mine = slots_[index];
  // The last token is computed in any case: its logits are needed.
  uint32_t reused = std::min(common, static_cast<uint32_t>(tokens.size()) - 1);
  std::optional<uint32_t> from;
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (i == index) continue;
    const auto most = std::min(static_cast<uint32_t>(tokens.size()) - 1, slots_[i].replayed.value_or(UINT32_MAX));
    const uint32_t theirs = std::min(common_with(slots_[i], request), most);
    // A free sequence keeps what is copied from it, so both need room.
    if (theirs >= reused + kCopyMin && (slots_[i].used || has_rows_beside(i, request))) {
      reused = theirs;
      from = i;
    }
  }
  const uint32_t kept = from ? 0 : reused;
  if (from || mine.broken || mine.tokens.size() > kept) change(id).emplace<wire::Truncate>(kept);
  mine.tokens.resize(kept);
  give_rows(index, static_cast<uint32_t>(tokens.size()), from);
  if (from) {
    change(id).emplace<wire::CopyPrefix>(wire::SeqId(*from), reused);
    auto& needed = copies_[changes_.size() - 1] = slots_[*from].in_flight;
    std::erase_if(needed, [&](const TokensInFlight& part) { return part.position >= reused; });
    mine.copied_in = next_number_;
  }
  mine.tokens.assign(tokens.begin(), tokens.begin() + reused);
  if (from || mine.broken || mine.replayed >= reused) mine.replayed.reset();
  std::erase_if(mine.in_flight, [&](const TokensInFlight& part) { return part.position >= reused; });
  if (from) {
    mine.in_flight = copies_[changes_.size() - 1];
    for (TokensInFlight& part : mine.in_flight) part.position = 0;  // a copy of what is not there copies nothing
  }
  mine.broken = false;
  return reused;
}

}  // namespace exogpu::pipeline
