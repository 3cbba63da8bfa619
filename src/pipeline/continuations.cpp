#include "pipeline/continuations.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace exogpu::pipeline {

void Continuations::serve(wire::PlanEpoch epoch) {
  ring_ = epoch;
  waited_.reset();
  for (const auto& [id, answer] : std::map(answers_)) {
    if (answer.number == 0 && answer.asked != epoch) ask(id);
  }
}

void Continuations::pause(Error why) {
  ring_.reset();
  unavailable_reason_ = std::move(why);
}

void Continuations::interrupt(Answer& answer) {
  if (answer.number == 0) return;
  const uint64_t number = std::exchange(answer.number, 0);
  in_flight_.erase(number);
  callbacks_.cancel(number);
}

void Continuations::interrupt_all() {
  for (auto& [id, answer] : answers_) interrupt(answer);
  if (ring_) return;
  for (const auto& [id, answer] : std::map(answers_)) {
    if (!may_wait(answer)) end(id, {.failure = unavailable_reason_});
  }
}

void Continuations::resume() {
  if (!ring_) return;
  for (const auto& [id, answer] : std::map(answers_)) {
    if (answer.number == 0) ask(id);
  }
}

void Continuations::fail_waiting(const Error& why, Duration waited) {
  waited_ = waited;
  unavailable_reason_ = why;
  for (const auto& [id, answer] : std::map(answers_)) {
    if (answer.number == 0 && !may_wait(answer)) end(id, {.failure = why});
  }
}

void Continuations::begin(AnswerId id, Request request, Duration wait) {
  const auto prompt_tokens = static_cast<uint32_t>(request.tokens.size());
  answers_.emplace(id, Answer{.request = std::move(request), .prompt_tokens = prompt_tokens, .wait = wait});
  ask(id);
}

void Continuations::cancel(AnswerId id) {
  const auto found = answers_.find(id);
  if (found == answers_.end()) return;
  interrupt(found->second);
  answers_.erase(found);
}

void Continuations::end(AnswerId id, const TokenEvent& last) {
  const auto found = answers_.find(id);
  if (found == answers_.end()) return;
  in_flight_.erase(found->second.number);
  answers_.erase(found);
  callbacks_.on_event(id, last);
}

void Continuations::ask(AnswerId id) {
  const auto found = answers_.find(id);
  if (found == answers_.end()) return;  // it has ended meanwhile
  Answer& answer = found->second;
  if (!ring_) {
    if (!may_wait(answer)) end(id, {.failure = unavailable_reason_});
    return;
  }
  const Request& request = answer.request;
  const auto generated = static_cast<uint32_t>(request.tokens.size()) - answer.prompt_tokens;
  if (request.tokens_max != 0 && generated >= request.tokens_max) {
    return end(id, {.failure = Error{ErrorCode::corrupt, "an answer has more tokens than were asked for"}});
  }
  answer.number = next_number_++;
  answer.asked = *ring_;
  in_flight_.emplace(answer.number, id);
  const uint64_t number = answer.number;
  const auto sent = callbacks_.submit({.epoch = *ring_,
                                       .request = number,
                                       .tokens = request.tokens,
                                       .prompt_tokens = answer.prompt_tokens,
                                       .sampling = request.sampling,
                                       .tokens_max = request.tokens_max == 0 ? 0 : request.tokens_max - generated,
                                       .end_tokens = request.end_tokens,
                                       .client = request.client,
                                       .accepted_before = answer.accepted,
                                       .queue_wait_max = request.queue_wait_max,
                                       .embed = request.embed,
                                       .prompt_logprobs = generated == 0 ? request.prompt_logprobs : std::nullopt,
                                       .computes_afresh = request.computes_afresh});
  if (sent) return;
  const auto still = answers_.find(id);
  if (still == answers_.end() || still->second.number != number) return;
  in_flight_.erase(number);
  still->second.number = 0;
  if (sent.error().code != kRingEnded) return end(id, {.failure = sent.error()});
  if (!may_wait(still->second)) end(id, {.failure = Error{ErrorCode::unavailable, sent.error().message}});
}

void Continuations::on_generated(const wire::Generated& message) {
  const auto found = in_flight_.find(message.request);
  if (found == in_flight_.end()) return;
  const AnswerId id = found->second;
  EXO_ASSERT(answers_.contains(id), "a request in flight belongs to an answer");
  Answer& answer = answers_.at(id);
  if (message.interrupted) {
    in_flight_.erase(found);
    answer.number = 0;
    if (!may_wait(answer)) end(id, {.failure = message.failure.value_or(unavailable_reason_)});
    return;
  }
  answer.accepted |= !message.failure;
  const bool first = answer.request.tokens.size() == answer.prompt_tokens;
  for (const wire::SampledToken& token : message.tokens) answer.request.tokens.push_back(token.token);
  for (TokenEvent& event : to_events(message)) {
    if (!first) event.prompt_reused = 0;
    drop_known(answer, event);
    if (event.is_last()) return end(id, event);
    callbacks_.on_event(id, event);
    const auto still = answers_.find(id);
    if (still == answers_.end() || still->second.number != message.request) return;  // cancelled meanwhile
  }
}

// What an earlier ring has reported already.
void Continuations::drop_known(Answer& answer, TokenEvent& event) {
  const uint64_t end = uint64_t{event.scored_position} + event.scored.size();
  if (event.scored.empty() || event.scored_position > answer.scored || end > answer.prompt_tokens) {
    return event.scored.clear();
  }
  const auto known = std::min<size_t>(answer.scored - event.scored_position, event.scored.size());
  event.scored.erase(event.scored.begin(), event.scored.begin() + static_cast<ptrdiff_t>(known));
  event.scored_position += static_cast<uint32_t>(known);
  answer.scored = std::max(answer.scored, static_cast<uint32_t>(end));
}

size_t Continuations::waiting() const {
  return static_cast<size_t>(
      std::ranges::count_if(answers_, [](const auto& entry) { return entry.second.number == 0; }));
}

}  // namespace exogpu::pipeline
