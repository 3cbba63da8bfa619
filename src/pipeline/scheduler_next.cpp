// The content of the next step of a ring.
#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "pipeline/prompt_chunk.h"
#include "pipeline/scheduler.h"

namespace exogpu::pipeline {

// Of prompts of n tokens over S stages in chunks of c, each with a fixed cost of f tokens, the last chunk leaves after
// (n / c + S - 1) (c + f): least at c = sqrt(n f / (S - 1)). GPUs compute 256 tokens at a better rate than 320, so what
// is taken is the nearest of 64, 128, 256...
uint32_t Scheduler::chunk(bool others_decode) const {
  double chunk = options_.batch_tokens;
  if (options_.stages > 1) {
    double prompts = 0;
    for (const auto& [id, active] : active_) {
      if (active.generated == 0) prompts += static_cast<double>(active.request.tokens.size() - active.reused);
    }
    chunk = std::sqrt(prompts * options_.step_cost_tokens / (options_.stages - 1));
    chunk = kQueriesAtOnce * std::exp2(std::max(0.0, std::round(std::log2(chunk / kQueriesAtOnce))));
  }
  if (others_decode) chunk = std::min<double>(chunk, options_.busy_chunk);
  if (small_chunks_) chunk = std::min<double>(chunk, kQueriesAtOnce);
  return static_cast<uint32_t>(std::clamp<double>(chunk, 1, options_.batch_tokens));
}

void Scheduler::take(Active& active, uint32_t count, Work& work, StepInFlight& step) {
  Slot& kv = slot(active.sequence);
  const auto& tokens = active.request.tokens;  // the prompt and what was generated
  const auto position = static_cast<uint32_t>(kv.tokens.size());
  EXO_ASSERT(position + count <= tokens.size(), "a step has tokens of its request only");
  const bool sample = position + count == tokens.size();
  const auto begin = tokens.begin() + position;
  wire::Span& span = work.step.spans.emplace_back(active.sequence, position, count, sample);
  if (active.request.prompt_logprobs && active.generated == 0) {
    span.likeliest = *active.request.prompt_logprobs;
    span.targets.assign(tokens.begin() + position + 1, tokens.begin() + position + count + (sample ? 0 : 1));
  }
  work.tokens.insert(work.tokens.end(), begin, begin + count);
  kv.tokens.insert(kv.tokens.end(), begin, begin + count);
  for (const TokensInFlight& part : kv.in_flight) step.needs.insert(part.step);
  kv.in_flight.push_back({.step = next_number_, .position = position});
  active.awaits = sample;
  step.parts.push_back({active.id, active.admission, sample, static_cast<uint32_t>(span.targets.size()), position + 1});
  step.decodes |= active.generated > 0;
  tokens_computed_ += count;
}

// Tokens that are to be computed behind those that only the fresh stages lack. A step of its own, which those alone
// compute: it needs no tokens, unless the first stage is one of them.
void Scheduler::take_replays(Work& work, StepInFlight& step, bool others_decode) {
  uint32_t room = others_decode ? std::min(options_.busy_chunk, options_.batch_tokens) : options_.batch_tokens;
  for (const RequestId id : admitted_) {
    const Active& active = active_.at(id);
    Slot& kv = slot(active.sequence);
    if (!kv.replayed || room == 0) continue;
    const uint32_t position = *kv.replayed;
    const auto count = std::min(room, static_cast<uint32_t>(kv.tokens.size()) - position);
    work.step.replay = fresh_stages_;
    work.step.spans.push_back({active.sequence, position, count, false});
    const auto begin = kv.tokens.begin() + position;
    if (fresh_stages_.contains(0)) work.tokens.insert(work.tokens.end(), begin, begin + count);
    for (const TokensInFlight& part : kv.in_flight) step.needs.insert(part.step);
    kv.in_flight.push_back({.step = next_number_, .position = position});
    kv.replayed = position + count;
    if (kv.replayed == kv.tokens.size()) kv.replayed.reset();
    step.parts.push_back({id, active.admission, false});
    step.renews = true;
    tokens_replayed_ += count;
    room -= count;
  }
}

void Scheduler::take_decodes(Work& work, StepInFlight& step, uint32_t decoding) {
  uint32_t group = std::min((decoding + options_.stages - 1) / options_.stages, options_.batch_tokens);
  const size_t turns = decode_order_.size();
  std::vector<Active*> chosen;
  for (size_t i = 0; i < turns && group > 0; ++i) {
    const RequestId id = decode_order_.front();
    decode_order_.pop_front();
    decode_order_.push_back(id);
    Active& active = active_.at(id);
    if (active.generated == 0 || active.awaits || !has_its_rows(active)) continue;
    chosen.push_back(&active);
    --group;
  }
  // Neighbours in the KV cache are attended to together.
  std::ranges::sort(chosen, {}, [this](const Active* active) {
    const uint32_t index = active->sequence.value();
    return pool_ ? pool_->of(index).begin : index;
  });
  for (Active* active : chosen) take(*active, 1, work, step);
}

// How many of the `remaining` tokens of a prompt a step takes, which has room for `room`; 0: none this time.
uint32_t Scheduler::part_of_prompt(const Active& active, size_t remaining, size_t room, const Work& work,
                                   uint32_t to_score) const {
  const size_t most = options_.batch_tokens - work.tokens.size();
  if (options_.whole_texts) return remaining <= most ? static_cast<uint32_t>(remaining) : 0;
  size_t count = prompt_chunk(remaining, room, most);
  if (active.request.prompt_logprobs) count = std::min<size_t>(count, to_score);
  return static_cast<uint32_t>(count);
}

void Scheduler::take_prompts(Work& work, StepInFlight& step, bool others_decode) {
  size_t room = std::min<size_t>(options_.batch_tokens - work.tokens.size(), chunk(others_decode));
  uint32_t to_score = wire::kScoredTokens;
  for (const RequestId id : admitted_) {
    Active& active = active_.at(id);
    if (room == 0) return;
    const size_t remaining = active.request.tokens.size() - slot(active.sequence).tokens.size();
    if (active.generated > 0 || active.awaits || remaining == 0 || slot(active.sequence).replayed) continue;
    const uint32_t count = part_of_prompt(active, remaining, room, work, to_score);
    if (count == 0) continue;
    take(active, count, work, step);
    to_score -= static_cast<uint32_t>(work.step.spans.back().targets.size());
    room -= std::min<size_t>(room, count);
  }
}

bool Scheduler::prompt_waits() const {
  return std::ranges::any_of(active_, [&](const auto& entry) {
    const Active& active = entry.second;
    const Slot& kv = slot(active.sequence);
    return active.generated == 0 && !kv.replayed && active.request.tokens.size() > kv.tokens.size();
  });
}

std::optional<Work> Scheduler::next() {
  const auto decoding = static_cast<uint32_t>(
      std::ranges::count_if(active_, [](const auto& entry) { return entry.second.generated > 0; }));
  const auto groups =
      static_cast<size_t>(std::ranges::count_if(steps_, [](const auto& entry) { return entry.second.decodes; }));
  // One stage computes one step at a time. A ring has more chunks of prompts in flight than stages, so that none waits
  // for the way back, but not while other requests decode, which would wait behind them.
  size_t depth = options_.stages;
  if (options_.stages > 1) depth = decoding > 0 ? depth + 1 : steps_in_flight_max(depth);
  if (steps_.size() >= depth) return std::nullopt;

  if (!keeps_cached_) drop_cached();
  grow_regions();
  Work work;
  StepInFlight step;
  // If decoding requests fill whole steps, every other one is for prompts.
  const bool decodes_fill = decoding >= uint64_t{options_.batch_tokens} * options_.stages;
  const bool give_way = decodes_fill && decoded_last_ && prompt_waits();
  // Decodes and replays take turns.
  if (decoding == 0 || decoded_last_) take_replays(work, step, decoding > 0);
  if (work.step.spans.empty()) {
    if (groups < options_.stages && !give_way) take_decodes(work, step, decoding);
    take_prompts(work, step, decoding > 0);
  }
  if (work.step.spans.empty()) take_replays(work, step, decoding > 0);
  if (work.step.spans.empty() && !changes_full() && !releases_) return std::nullopt;
  EXO_ASSERT(work.step.rows() <= options_.batch_tokens, "a step has no more tokens than stages take");
  decoded_last_ = step.decodes;
  if (resumed_) {
    step.renews = true;
    work.step.resume = {
        .epoch = resumed_->epoch, .fresh_stages = fresh_stages_, .tokens = {}, .regions = resumed_->regions};
    for (const auto& tokens : resumed_->sequences) {
      work.step.resume->tokens.push_back(static_cast<uint32_t>(tokens.size()));
    }
    resumed_.reset();
  }
  work.step.epoch = epoch_;
  work.step.number = next_number_++;
  work.step.changes = std::exchange(changes_, {});
  work.step.releases = std::exchange(releases_, false);
  for (const auto& [index, needed] : std::exchange(copies_, {})) {
    for (const TokensInFlight& part : needed) step.needs.insert(part.step);
  }
  changes_tokens_ = 0;
  steps_.emplace(work.step.number, std::move(step));
  admit();
  return work;
}

}  // namespace exogpu::pipeline
