#include "pipeline/scheduler.h"

#include <algorithm>
#include <cmath>
#include <format>

#include "engine/prompt_chunk.h"

namespace exogpu::pipeline {
namespace {

uint32_t common_prefix(const std::vector<wire::TokenId>& a, const std::vector<wire::TokenId>& b) {
  return static_cast<uint32_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// Shorter than this, computing the tokens again is as cheap as copying them.
constexpr uint32_t kCopyMin = 16;

// What a step may change: a message has room for more. When many requests come and go while a step is under way, those
// that come wait for the next.
constexpr size_t kChangesMax = 1024;
constexpr size_t kChangesTokensMax = 128 * 1024;

}  // namespace

Scheduler::Scheduler(wire::PlanEpoch epoch, const ScheduleOptions& options, std::optional<KeptTokens> kept)
    : epoch_(epoch), options_(options), slots_(options.sequences) {
  if (!kept || std::ranges::all_of(kept->held.sequences, &std::vector<wire::TokenId>::empty)) return;
  anew_ = kept->anew;
  kept_ = std::move(kept->held);
  kept_->sequences.resize(options.sequences);
  for (uint32_t i = 0; i < options.sequences; ++i) {
    slots_[i].tokens = kept_->sequences[i];
    if (slots_[i].tokens.empty()) continue;
    slots_[i].on_their_way.push_back({.step = next_number_, .position = 0});  // a stage may not hold them after all
    if (!anew_.empty()) slots_[i].replayed = 0;
  }
}

Result<void> Scheduler::add(RequestId id, Request request) {
  if (request.tokens.empty()) return fail(ErrorCode::invalid_argument, "the prompt is empty");
  // A step with one that no stage knows would fail whole, for all who have a part in it.
  for (const wire::TokenId token : request.tokens) {
    if (known(token)) continue;
    return fail(ErrorCode::invalid_argument, "token {} of the prompt is not one of the model's {}", token,
                options_.n_vocab);
  }
  // An answer that goes on may have filled the context but for the token that follows.
  if (request.tokens.size() > options_.context) {
    return fail(ErrorCode::resource_exhausted,
                "the prompt has {} tokens and is longer than the context of {}; start with a larger one (--context)",
                request.tokens.size(), options_.context);
  }
  if (waiting_.size() >= options_.waiting_max) {
    return fail(ErrorCode::unavailable, "{} requests wait already; try again later", waiting_.size());
  }
  waiting_.emplace_back(id, std::move(request));
  admit();
  return {};
}

// The free sequence that holds most of these tokens already, and how many; of equals the one longest unused.
std::pair<uint32_t, uint32_t> Scheduler::best_slot(const std::vector<wire::TokenId>& tokens) const {
  std::optional<uint32_t> best;
  uint32_t most = 0;
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    const Slot& candidate = slots_[i];
    if (candidate.used) continue;
    const uint32_t held = candidate.broken ? 0 : common_prefix(candidate.tokens, tokens);
    if (!best || held > most || (held == most && candidate.last_use < slots_[*best].last_use)) {
      best = i;
      most = held;
    }
  }
  return {best.value_or(static_cast<uint32_t>(slots_.size())), most};
}

void Scheduler::admit() {
  while (!waiting_.empty() && active_.size() < slots_.size() && !changes_full()) {
    auto [id, request] = std::move(waiting_.front());
    waiting_.pop_front();
    place(id, std::move(request));
  }
}

bool Scheduler::changes_full() const { return changes_.size() >= kChangesMax || changes_tokens_ >= kChangesTokensMax; }

decltype(wire::SequenceChange::what)& Scheduler::change(wire::SeqId sequence) {
  wire::SequenceChange& added = changes_.emplace_back();
  added.sequence = sequence;
  return added.what;
}

// Gives a request a sequence, with as much of its prompt in it as some sequence already has.
void Scheduler::place(RequestId request_id, Request request) {
  const auto& tokens = request.tokens;
  auto [index, held] = best_slot(tokens);
  const wire::SeqId id(index);
  Slot& mine = slots_[index];
  // The last token is computed in any case: its logits are wanted.
  uint32_t reused = std::min(held, static_cast<uint32_t>(tokens.size()) - 1);
  std::optional<uint32_t> from;
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (i == index || slots_[i].broken) continue;
    const auto most = std::min(static_cast<uint32_t>(tokens.size()) - 1, slots_[i].replayed.value_or(UINT32_MAX));
    const uint32_t theirs = std::min(common_prefix(slots_[i].tokens, tokens), most);
    if (theirs >= reused + kCopyMin) {
      reused = theirs;
      from = i;
    }
  }
  if (from) {
    change(id).emplace<wire::Truncate>(0U);
    change(id).emplace<wire::CopyPrefix>(wire::SeqId(*from), reused);
    auto& needed = copies_[changes_.size() - 1] = slots_[*from].on_their_way;
    std::erase_if(needed, [&](const OnTheirWay& part) { return part.position >= reused; });
  } else if (mine.broken || mine.tokens.size() > reused) {
    change(id).emplace<wire::Truncate>(reused);
  }
  mine.tokens.assign(tokens.begin(), tokens.begin() + reused);
  if (from) mine.copied_in = next_number_;
  if (from || mine.broken || mine.replayed >= reused) mine.replayed.reset();
  std::erase_if(mine.on_their_way, [&](const OnTheirWay& part) { return part.position >= reused; });
  if (from) {
    mine.on_their_way = copies_[changes_.size() - 1];
    for (OnTheirWay& part : mine.on_their_way) part.position = 0;  // a copy of what is not there copies nothing
  }
  mine.broken = false;
  mine.used = true;
  const size_t recent = std::min<size_t>(request.sampling.penalty_last_n, tokens.size());
  auto& sampler = change(id).emplace<wire::OpenSampler>();
  sampler.settings = request.sampling;
  sampler.length = static_cast<uint32_t>(tokens.size());
  sampler.recent.assign(tokens.end() - static_cast<ptrdiff_t>(recent), tokens.end());
  changes_tokens_ += recent;
  turn_.push_back(request_id);
  active_.emplace(request_id,
                  Active{.id = request_id, .request = std::move(request), .sequence = id, .reused = reused});
}

void Scheduler::end(RequestId id, bool broken) {
  const auto found = active_.find(id);
  if (found == active_.end()) return;
  Slot& held = slot(found->second.sequence);
  held.used = false;
  if (broken) held.lose();
  held.last_use = ++uses_;
  active_.erase(found);
  std::erase(turn_, id);
  admit();
}

void Scheduler::cancel(RequestId id) {
  std::erase_if(waiting_, [&](const auto& entry) { return entry.first == id; });
  end(id, false);
}

std::vector<RequestId> Scheduler::requests() const {
  std::vector<RequestId> ids;
  for (const auto& [id, active] : active_) ids.push_back(id);
  for (const auto& [id, request] : waiting_) ids.push_back(id);
  return ids;
}

HeldTokens Scheduler::held() const {
  if (kept_) return *kept_;
  HeldTokens held{.epoch = epoch_, .sequences = {}};
  for (const Slot& slot : slots_) {
    size_t length = slot.replayed.value_or(static_cast<uint32_t>(slot.tokens.size()));
    for (const OnTheirWay& part : slot.on_their_way) length = std::min<size_t>(length, part.position);
    const bool copying = slot.copied_in == next_number_ || steps_.contains(slot.copied_in);
    if (slot.broken || copying) length = 0;
    held.sequences.emplace_back(slot.tokens.begin(), slot.tokens.begin() + static_cast<ptrdiff_t>(length));
  }
  return held;
}

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
    chunk = engine::kQueriesAtOnce * std::exp2(std::max(0.0, std::round(std::log2(chunk / engine::kQueriesAtOnce))));
  }
  if (others_decode) chunk = std::min<double>(chunk, options_.busy_chunk);
  return static_cast<uint32_t>(std::clamp<double>(chunk, 1, options_.batch_tokens));
}

void Scheduler::take(Active& active, uint32_t count, Work& work, UnderWay& step) {
  Slot& held = slot(active.sequence);
  const auto& tokens = active.request.tokens;  // the prompt and what was generated
  const auto position = static_cast<uint32_t>(held.tokens.size());
  const bool sample = position + count == tokens.size();
  const auto begin = tokens.begin() + position;
  work.step.spans.push_back({active.sequence, position, count, sample});
  work.tokens.insert(work.tokens.end(), begin, begin + count);
  held.tokens.insert(held.tokens.end(), begin, begin + count);
  for (const OnTheirWay& part : held.on_their_way) step.needs.insert(part.step);
  held.on_their_way.push_back({.step = next_number_, .position = position});
  active.awaits = sample;
  step.parts.push_back({active.id, sample});
  step.decodes |= active.generated > 0;
  tokens_computed_ += count;
}

// Tokens that are to be computed behind those that only the stages anew lack. A step of its own, which those alone
// compute: it needs no tokens, unless the first stage is one of them.
void Scheduler::take_replays(Work& work, UnderWay& step, bool others_decode) {
  uint32_t room = others_decode ? std::min(options_.busy_chunk, options_.batch_tokens) : options_.batch_tokens;
  for (const auto& [id, active] : active_) {
    Slot& held = slot(active.sequence);
    if (!held.replayed || room == 0) continue;
    const uint32_t position = *held.replayed;
    const auto count = std::min(room, static_cast<uint32_t>(held.tokens.size()) - position);
    work.step.replay = anew_;
    work.step.spans.push_back({active.sequence, position, count, false});
    const auto begin = held.tokens.begin() + position;
    if (anew_.contains(0)) work.tokens.insert(work.tokens.end(), begin, begin + count);
    for (const OnTheirWay& part : held.on_their_way) step.needs.insert(part.step);
    held.on_their_way.push_back({.step = next_number_, .position = position});
    held.replayed = position + count;
    if (held.replayed == held.tokens.size()) held.replayed.reset();
    step.parts.push_back({id, false});
    step.renews = true;
    tokens_replayed_ += count;
    room -= count;
  }
}

void Scheduler::take_decodes(Work& work, UnderWay& step, uint32_t decoding) {
  uint32_t group = std::min((decoding + options_.stages - 1) / options_.stages, options_.batch_tokens);
  const size_t turns = turn_.size();
  for (size_t i = 0; i < turns && group > 0; ++i) {
    const RequestId id = turn_.front();
    turn_.pop_front();
    turn_.push_back(id);
    Active& active = active_.at(id);
    if (active.generated == 0 || active.awaits) continue;
    take(active, 1, work, step);
    --group;
  }
}

void Scheduler::take_prompts(Work& work, UnderWay& step, bool others_decode) {
  size_t room = std::min<size_t>(options_.batch_tokens - work.tokens.size(), chunk(others_decode));
  for (auto& [id, active] : active_) {
    if (room == 0) return;
    const size_t left = active.request.tokens.size() - slot(active.sequence).tokens.size();
    if (active.generated > 0 || active.awaits || left == 0 || slot(active.sequence).replayed) continue;
    const size_t count = engine::prompt_chunk(left, room, options_.batch_tokens - work.tokens.size());
    take(active, static_cast<uint32_t>(count), work, step);
    room -= std::min(room, count);
  }
}

bool Scheduler::prompt_waits() const {
  return std::ranges::any_of(active_, [&](const auto& entry) {
    const Active& active = entry.second;
    const Slot& held = slot(active.sequence);
    return active.generated == 0 && !held.replayed && active.request.tokens.size() > held.tokens.size();
  });
}

std::optional<Work> Scheduler::next() {
  const auto decoding = static_cast<uint32_t>(
      std::ranges::count_if(active_, [](const auto& entry) { return entry.second.generated > 0; }));
  const auto groups =
      static_cast<size_t>(std::ranges::count_if(steps_, [](const auto& entry) { return entry.second.decodes; }));
  // One stage computes one step at a time. A ring has more chunks of prompts under way than stages, so that none waits
  // for the way back, but not while others decode, who would wait behind them.
  size_t depth = options_.stages;
  if (options_.stages > 1) depth = decoding > 0 ? depth + 1 : steps_under_way_max(depth);
  if (steps_.size() >= depth) return std::nullopt;

  Work work;
  UnderWay step;
  // Where those who decode fill whole steps, every other one is for prompts.
  const bool decodes_fill = decoding >= uint64_t{options_.batch_tokens} * options_.stages;
  const bool give_way = decodes_fill && decoded_last_ && prompt_waits();
  // Those who decode and those who are replayed have turns.
  if (decoding == 0 || decoded_last_) take_replays(work, step, decoding > 0);
  if (work.step.spans.empty()) {
    if (groups < options_.stages && !give_way) take_decodes(work, step, decoding);
    take_prompts(work, step, decoding > 0);
  }
  if (work.step.spans.empty()) take_replays(work, step, decoding > 0);
  if (work.step.spans.empty() && !changes_full()) return std::nullopt;
  decoded_last_ = step.decodes;
  if (kept_) {
    step.renews = true;
    work.step.keep = {.epoch = kept_->epoch, .anew = anew_, .tokens = {}};
    for (const auto& tokens : kept_->sequences) {
      work.step.keep->tokens.push_back(static_cast<uint32_t>(tokens.size()));
    }
    kept_.reset();
  }
  work.step.epoch = epoch_;
  work.step.number = next_number_++;
  work.step.changes = std::exchange(changes_, {});
  for (const auto& [index, needed] : std::exchange(copies_, {})) {
    for (const OnTheirWay& part : needed) step.needs.insert(part.step);
  }
  changes_tokens_ = 0;
  steps_.emplace(work.step.number, std::move(step));
  admit();
  return work;
}

// A step has failed: so will those under way behind it that count on its tokens, and those that count on theirs.
std::set<uint64_t> Scheduler::doomed_by(uint64_t step) const {
  std::set<uint64_t> doomed{step};
  for (const auto& [number, under_way] : steps_) {
    if (std::ranges::any_of(under_way.needs, [&](uint64_t needed) { return doomed.contains(needed); })) {
      doomed.insert(number);
    }
  }
  return doomed;
}

// Whoever holds tokens of this step, or was to have copied them, cannot go on. What was lost with a stage before can be
// computed again (`renews`).
void Scheduler::failed(uint64_t step, const Error& why, bool renews, std::vector<RequestEvent>& events) {
  const std::set<uint64_t> doomed = doomed_by(step);
  const auto is_doomed = [&](const OnTheirWay& part) { return doomed.contains(part.step); };
  std::vector<bool> lost(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    lost[i] = std::ranges::any_of(slots_[i].on_their_way, is_doomed);
    if (lost[i]) slots_[i].lose();
  }
  // No stage could copy what none has; what is left of a copy needs nothing of it.
  for (auto& [index, needed] : copies_) {
    auto& copy = std::get<wire::CopyPrefix>(changes_[index].what);
    for (const OnTheirWay& part : needed) {
      if (is_doomed(part)) copy.length = std::min(copy.length, part.position);
    }
    std::erase_if(needed, is_doomed);
  }
  std::vector<RequestId> ended;
  for (const auto& [id, active] : active_) {
    if (lost[active.sequence.value()]) ended.push_back(id);
  }
  for (const RequestId id : ended) {
    events.push_back({id, {.failure = why, .interrupted = renews}});
    end(id, true);
  }
}

void Scheduler::sampled(RequestId id, const wire::SampledToken& token, std::vector<RequestEvent>& events) {
  const auto found = active_.find(id);
  if (found == active_.end()) return;  // cancelled meanwhile
  Active& active = found->second;
  TokenEvent event{.failure = token.failure, .prompt_reused = active.reused};
  if (!token.failure && !known(token.token)) {
    event.failure = Error{ErrorCode::corrupt, std::format("the last stage chose token {}, which is not one of the "
                                                          "model's {}",
                                                          token.token, options_.n_vocab)};
  }
  if (!event.failure) {
    ++tokens_sampled_;
    ++active.generated;
    active.awaits = false;
    active.request.tokens.push_back(token.token);
    event.token = token;
    if (std::ranges::contains(active.request.end_tokens, token.token)) {
      event.end = wire::GenerateEnd::end_of_text;
    } else if (active.request.tokens_max > 0 && active.generated >= active.request.tokens_max) {
      event.end = wire::GenerateEnd::length;
    } else if (active.request.tokens.size() > options_.context) {
      event.end = wire::GenerateEnd::context_full;
    }
  }
  const bool last = event.is_last();
  events.push_back({id, std::move(event)});
  if (last) end(id, false);
}

void Scheduler::done(const wire::StepDone& step, std::vector<RequestEvent>& events) {
  const auto found = steps_.find(step.number);
  if (found == steps_.end()) return;
  const UnderWay was = std::move(found->second);
  steps_.erase(found);
  const auto wanted = static_cast<size_t>(std::ranges::count_if(was.parts, &Part::sample));
  if (step.failure || step.tokens.size() != wanted) {
    failed(step.number,
           step.failure.value_or(Error{ErrorCode::corrupt, "the last stage returned another number of tokens"}),
           was.renews, events);
    return;
  }
  for (Slot& held : slots_) {
    std::erase_if(held.on_their_way, [&](const OnTheirWay& part) { return part.step == step.number; });
  }
  size_t token = 0;
  for (const Part& part : was.parts) {
    if (part.sample) sampled(part.id, step.tokens[token++], events);
  }
}

}  // namespace exogpu::pipeline
