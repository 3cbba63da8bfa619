#include "pipeline/scheduler.h"

#include <algorithm>
#include <format>
#include <tuple>

#include "base/assert.h"

namespace exogpu::pipeline {
namespace {

// What a step may change: a message has room for more. When many requests are added and end during a step, the added
// ones wait for the next.
constexpr size_t kChangesMax = 1024;
constexpr size_t kChangesTokensMax = 128 * 1024;
constexpr size_t kTokenBytes = 4;  // of a token in a message, about

}  // namespace

Scheduler::Scheduler(wire::PlanEpoch epoch, const ScheduleOptions& options, std::optional<ResumedTokens> resumed)
    : epoch_(epoch), options_(options), slots_(options.sequences), waiting_(options.waiting_max) {
  EXO_ASSERT(options.pool_tokens == 0 || options.pool_tokens >= options.context, "a whole context fits into the pool");
  if (options.pool_tokens > 0) pool_.emplace(options.sequences, options.pool_tokens, options.region_step);
  if (!resumed || std::ranges::all_of(resumed->resident.sequences, &std::vector<wire::TokenId>::empty)) return;
  fresh_stages_ = resumed->fresh_stages;
  resumed_ = std::move(resumed->resident);
  resumed_->sequences.resize(options.sequences);
  resumed_->clients.resize(options.sequences);
  if (pool_) {
    resumed_->regions.resize(options.sequences);
    pool_.emplace(resumed_->regions, options.pool_tokens, options.region_step);
    EXO_ASSERT(pool_->regions() == resumed_->regions, "a ring resumes the regions of one with as large a pool");
  }
  for (uint32_t i = 0; i < options.sequences; ++i) {
    slots_[i].tokens = resumed_->sequences[i];
    slots_[i].client = resumed_->clients[i];
    if (slots_[i].tokens.empty()) continue;
    slots_[i].in_flight.push_back({.step = next_number_, .position = 0});  // a stage may lack them after all
    if (!fresh_stages_.empty()) slots_[i].replayed = 0;
  }
}

Result<void> Scheduler::check_length(const Request& request) const {
  const size_t tokens = request.tokens.size();
  // A continuation may have filled the context but for the token that follows.
  if (tokens > options_.context) {
    return fail(ErrorCode::resource_exhausted,
                "the {} has {} tokens and is longer than the context of {}; start with a larger one (--context)",
                request.embed ? "text" : "prompt", tokens, options_.context);
  }
  if (options_.whole_texts && tokens > options_.batch_tokens) {
    return fail(ErrorCode::resource_exhausted,
                "the text has {} tokens, and the model needs it whole, in a batch of {}; start with a larger one "
                "(--batch)",
                tokens, options_.batch_tokens);
  }
  return {};
}

Result<void> Scheduler::add(RequestId id, Request request) {
  if (request.tokens.empty()) return fail(ErrorCode::invalid_argument, "the prompt is empty");
  if (request.embed != options_.embeds) {
    return fail(ErrorCode::invalid_argument, "this model gives {}",
                options_.embeds ? "embeddings, and no text" : "text, and no embeddings");
  }
  // A step with one that no stage knows would fail whole, for all requests in it.
  for (const wire::TokenId token : request.tokens) {
    if (known(token)) continue;
    return fail(ErrorCode::invalid_argument, "token {} of the prompt is not one of the model's {}", token,
                options_.n_vocab);
  }
  EXO_CHECK(check_length(request));
  const bool taken = request.accepted_before ? !waiting_.full() : waiting_.has_room(request.client);
  if (!taken) {
    return fail(ErrorCode::unavailable, "{} requests wait already, {} of this client; try again later", waiting_.size(),
                waiting_.waiting(request.client));
  }
  waiting_.push(id, std::move(request));
  admit();
  return {};
}

void Scheduler::admit() {
  while (!waiting_.empty() && active_.size() < slots_.size() && !changes_full() && has_rows_for(waiting_.front())) {
    auto [id, request] = waiting_.pop();
    assign_slot(id, std::move(request));
  }
}

bool Scheduler::changes_full() const { return changes_.size() >= kChangesMax || changes_tokens_ >= kChangesTokensMax; }

decltype(wire::SequenceChange::kind)& Scheduler::change(wire::SeqId sequence) {
  wire::SequenceChange& added = changes_.emplace_back();
  added.sequence = sequence;
  return added.kind;
}

// Gives a request a sequence.
void Scheduler::assign_slot(RequestId request_id, Request request) {
  auto [index, common] = best_slot(request);
  EXO_ASSERT(index < slots_.size(), "a request is admitted where a sequence is free");
  if (const auto empty = empty_slot(); empty && spares(index, common, request))
    std::tie(index, common) = std::pair(*empty, 0U);
  const wire::SeqId id(index);
  slots_[index].used = true;
  const uint32_t reused = take_prefix(index, request, common);
  slots_[index].client = request.client;
  if (!request.embed) open_sampler(id, request);
  decode_order_.push_back(request_id);
  admitted_.push_back(request_id);
  // Neither is a token that a cache holds computed for the client, nor one that the end of a ring has lost.
  if (!request.continues() && !request.reused_at_first) {
    waiting_.charge(request.client, kPromptTokenCost * (request.tokens.size() - reused));
  }
  active_.emplace(request_id, Active{.id = request_id,
                                     .request = std::move(request),
                                     .sequence = id,
                                     .admission = ++admissions_,
                                     .reused = reused,
                                     .steps_before = steps_done_});
}

void Scheduler::open_sampler(wire::SeqId id, const Request& request) {
  const auto& tokens = request.tokens;
  const size_t recent = std::min<size_t>(request.sampling.penalty_last_n, tokens.size());
  auto& sampler = change(id).emplace<wire::OpenSampler>();
  sampler.settings = request.sampling;
  sampler.length = static_cast<uint32_t>(tokens.size());
  sampler.tokens_left = options_.context + 1 - sampler.length;  // the last one needs no room
  if (request.tokens_max > 0) sampler.tokens_left = std::min(sampler.tokens_left, request.tokens_max);
  sampler.recent.assign(tokens.end() - static_cast<ptrdiff_t>(recent), tokens.end());
  changes_tokens_ += recent;
  if (!request.sampling.constraint) return;
  const auto prompt = std::min<size_t>(request.prompt_tokens.value_or(tokens.size()), tokens.size());
  sampler.generated.assign(tokens.begin() + static_cast<ptrdiff_t>(prompt), tokens.end());
  changes_tokens_ += sampler.generated.size() + request.sampling.constraint->text.size() / kTokenBytes;
}

void Scheduler::end(RequestId id, bool broken) {
  const auto found = active_.find(id);
  if (found == active_.end()) return;
  Slot& kv = slot(found->second.sequence);
  kv.used = false;
  if (broken) kv.lose();
  kv.last_use = ++uses_;
  const auto steps = static_cast<double>(steps_done_ - found->second.steps_before);
  steps_per_request_ = steps_per_request_ ? 0.9 * *steps_per_request_ + 0.1 * steps : steps;
  forget(id);
  admit();
}

void Scheduler::forget(RequestId id) {
  active_.erase(id);
  std::erase(decode_order_, id);
  std::erase(admitted_, id);
}

void Scheduler::cancel(RequestId id) {
  if (!waiting_.erase(id)) end(id, false);
}

std::vector<RequestId> Scheduler::requests() const {
  std::vector<RequestId> ids = waiting_.requests();
  for (const auto& [id, active] : active_) ids.push_back(id);
  return ids;
}

std::vector<RequestId> Scheduler::requests_of(uint64_t step) const {
  std::vector<RequestId> ids;
  const auto found = steps_.find(step);
  if (found == steps_.end()) return ids;
  for (const Part& part : found->second.parts) ids.push_back(part.id);
  return ids;
}

std::optional<double> Scheduler::steps_per_free_sequence() const {
  if (!steps_per_request_) return std::nullopt;
  return *steps_per_request_ / static_cast<double>(slots_.size());
}

ResidentTokens Scheduler::resident() const {
  if (resumed_) return *resumed_;
  ResidentTokens result{.epoch = epoch_, .sequences = {}};
  if (pool_) result.regions = pool_->regions();
  for (const Slot& slot : slots_) {
    size_t length = slot.replayed.value_or(static_cast<uint32_t>(slot.tokens.size()));
    for (const TokensInFlight& part : slot.in_flight) length = std::min<size_t>(length, part.position);
    const bool copying = slot.copied_in == next_number_ || steps_.contains(slot.copied_in);
    if (slot.broken || copying) length = 0;
    result.sequences.emplace_back(slot.tokens.begin(), slot.tokens.begin() + static_cast<ptrdiff_t>(length));
    result.clients.push_back(slot.client);
  }
  return result;
}

// A step has failed: so will those in flight behind it that count on its tokens, and those that count on theirs.
std::set<uint64_t> Scheduler::doomed_by(uint64_t step) const {
  std::set<uint64_t> doomed{step};
  for (const auto& [number, in_flight] : steps_) {
    if (std::ranges::any_of(in_flight.needs, [&](uint64_t needed) { return doomed.contains(needed); })) {
      doomed.insert(number);
    }
  }
  return doomed;
}

// Sequences with tokens of this step, or that were to copy them, cannot continue. Tokens that an earlier stage lost can
// be computed again (`renews`).
void Scheduler::failed(uint64_t step, const Error& why, bool renews, std::vector<RequestEvent>& events) {
  const std::set<uint64_t> doomed = doomed_by(step);
  const auto is_doomed = [&](const TokensInFlight& part) { return doomed.contains(part.step); };
  std::vector<bool> lost(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    lost[i] = std::ranges::any_of(slots_[i].in_flight, is_doomed);
    if (lost[i]) slots_[i].lose();
  }
  // No stage could copy what none has; what remains of a copy needs nothing of it.
  for (auto& [index, needed] : copies_) {
    auto& copy = std::get<wire::CopyPrefix>(changes_[index].kind);
    for (const TokensInFlight& part : needed) {
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

// A token that is wrong concerns its own request only.
void Scheduler::check_token(const Active& active, TokenEvent& event) const {
  if (event.failure) return;
  if (active.request.embed == event.token->embedding.empty()) {
    event.failure = Error{ErrorCode::corrupt,
                          "the last stage returned a token instead of an embedding, or the other "
                          "way round"};
  } else if (!known(event.token->token)) {
    event.failure = Error{ErrorCode::corrupt, std::format("the last stage chose token {}, which is not one of the "
                                                          "model's {}",
                                                          event.token->token, options_.n_vocab)};
  }
}

void Scheduler::scored(const Part& part, std::span<const wire::SampledToken> tokens,
                       std::vector<RequestEvent>& events) {
  const auto found = active_.find(part.id);
  if (found == active_.end() || found->second.admission != part.admission) return;  // it lost its sequence meanwhile
  if (tokens.empty()) return;
  TokenEvent event{.scored = {tokens.begin(), tokens.end()}, .scored_position = part.scored_position};
  const auto prompt = std::span(found->second.request.tokens).subspan(part.scored_position, tokens.size());
  for (size_t i = 0; i < tokens.size() && !event.failure; ++i) {
    event.failure = tokens[i].failure;
    if (!event.failure && tokens[i].token != prompt[i]) {
      event.failure = Error{ErrorCode::corrupt, "the last stage scored another token than it was asked about"};
    }
  }
  if (event.failure) event.scored.clear();
  const bool last = event.is_last();
  events.push_back({part.id, std::move(event)});
  if (last) end(part.id, false);
}

void Scheduler::sampled(const Part& part, const wire::SampledToken& token, std::vector<RequestEvent>& events) {
  const RequestId id = part.id;
  const auto found = active_.find(id);
  if (found == active_.end() || found->second.admission != part.admission) return;  // it lost its sequence meanwhile
  Active& active = found->second;
  TokenEvent event{.token = token,
                   .failure = token.failure,
                   .prompt_reused = active.request.reused_at_first.value_or(active.reused)};
  check_token(active, event);
  if (event.failure) {
    event.token.reset();
  } else if (active.request.embed) {
    event.end = wire::GenerateEnd::length;
  } else {
    ++tokens_sampled_;
    ++active.generated;
    waiting_.charge(active.request.client, kAnswerTokenCost);
    active.awaits = false;
    active.request.tokens.push_back(token.token);
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
  const StepInFlight was = std::move(found->second);
  steps_.erase(found);
  ++steps_done_;
  const auto expected = static_cast<size_t>(std::ranges::count_if(was.parts, &Part::sample));
  size_t to_score = 0;
  for (const Part& part : was.parts) to_score += part.scored;
  if (step.failure || step.tokens.size() != expected || step.scored.size() != to_score) {
    failed(step.number,
           step.failure.value_or(Error{ErrorCode::corrupt, "the last stage returned another number of tokens"}),
           was.renews, events);
    return;
  }
  for (Slot& kv : slots_) {
    std::erase_if(kv.in_flight, [&](const TokensInFlight& part) { return part.step == step.number; });
  }
  size_t token = 0;
  std::span<const wire::SampledToken> scores = step.scored;
  for (const Part& part : was.parts) {
    scored(part, scores.first(part.scored), events);
    scores = scores.subspan(part.scored);
    if (part.sample) sampled(part, step.tokens[token++], events);
  }
}

}  // namespace exogpu::pipeline
