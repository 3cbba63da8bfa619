// One answer as it is written: tokens come in, text and reports go to the listener.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/stop.h"
#include "model/tokenizer/tokenizer.h"
#include "node/service.h"
#include "wire/ring.h"

namespace exogpu::node {

// Borrows tokenizer and listener. One thread at a time.
class Answer {
 public:
  using Clock = std::chrono::steady_clock;

  // Errors: those of StopMatcher::create().
  static Result<Answer> create(uint32_t index, const engine::GenerateOptions& options, uint32_t prompt_tokens,
                               bool opens_thought, const model::Tokenizer& tokenizer, GenerationListener& listener);

  // True: a stop string ended it, and the listener has heard so.
  bool push(const wire::SampledToken& token, bool ends_text);
  void end(engine::FinishReason reason);
  bool ended() const { return ended_; }
  void reused(uint32_t tokens) { stats_.prompt_reused = tokens; }

 private:
  Answer(uint32_t index, const engine::GenerateOptions& options, bool opens_thought, engine::StopMatcher stops,
         const model::Tokenizer& tokenizer, GenerationListener& listener);
  TokenReport report(const wire::SampledToken& token) const;

  uint32_t index_;
  bool wants_reports_;
  bool opens_thought_;
  engine::StopMatcher stops_;
  const model::Tokenizer* tokenizer_;
  GenerationListener* listener_;
  model::TokenStream stream_;
  engine::GenerateStats stats_;
  Clock::time_point begun_ = Clock::now();
  Clock::time_point first_{};
  bool ended_ = false;
};

}  // namespace exogpu::node
