#include "pipeline/token_event.h"

namespace exogpu::pipeline {

wire::Generated to_message(uint64_t request, const TokenEvent& event) {
  wire::Generated message{.request = request,
                          .end = event.end,
                          .failure = event.failure,
                          .prompt_reused = event.prompt_reused,
                          .interrupted = event.interrupted,
                          .queue = event.queue,
                          .scored = event.scored,
                          .scored_position = event.scored_position};
  if (event.token) message.tokens.push_back(*event.token);
  return message;
}

std::vector<TokenEvent> to_events(const wire::Generated& message) {
  std::vector<TokenEvent> events;
  for (const wire::SampledToken& token : message.tokens) {
    events.push_back({.token = token, .prompt_reused = message.prompt_reused});
  }
  if (events.empty() || message.failure) events.push_back({.prompt_reused = message.prompt_reused});
  events.front().scored = message.scored;
  events.front().scored_position = message.scored_position;
  events.back().end = message.end;
  events.back().failure = message.failure;
  events.back().interrupted = message.interrupted;
  events.back().queue = message.queue;
  return events;
}

}  // namespace exogpu::pipeline
