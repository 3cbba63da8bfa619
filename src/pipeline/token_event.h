// What an answer's requester receives: the one form in which a token travels from the scheduler to the text.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/strong.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

using RequestId = Strong<uint64_t, struct RequestIdTag>;

// After an event that is_last() none follows. A failure has no token. The token of an embedding is one without a token.
// The first event may have none either: then it says that the request was accepted.
struct TokenEvent {
  std::optional<wire::SampledToken> token{};  // its `sequence` and `failure` mean nothing
  std::optional<wire::GenerateEnd> end{};
  std::optional<Error> failure{};
  uint32_t prompt_reused = 0;               // tokens of the prompt that were in a cache
  bool interrupted = false;                 // the failure is the ring's; the next ring may continue the answer
  std::optional<wire::QueuePlace> queue{};  // where the request waits; with a failure, where it would have
  // Tokens of the prompt, from `scored_position` on; before the token, and all of them before the first one.
  std::vector<wire::SampledToken> scored{};
  uint32_t scored_position = 0;
  bool is_last() const { return end || failure; }
};

using RequestEvent = std::pair<RequestId, TokenEvent>;

// As a message carries it. `request` is the requester's number.
wire::Generated to_message(uint64_t request, const TokenEvent& event);
// What a message carries, in order; at least one event.
std::vector<TokenEvent> to_events(const wire::Generated& message);

}  // namespace exogpu::pipeline
