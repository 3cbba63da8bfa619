// One answer as it is written: tokens come in, text and reports go to the listener.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/stop.h"
#include "model/tokenizer/tokenizer.h"
#include "node/prompt.h"
#include "node/service.h"
#include "pipeline/scheduler.h"
#include "pipeline/token_event.h"
#include "wire/ring.h"

namespace exogpu::node {

// Borrows tokenizer and listener. One thread at a time.
class Answer {
 public:
  using Clock = std::chrono::steady_clock;

  // Stop strings are those of `options` and of the prompt, which says how the answer is read. Errors: those of
  // StopMatcher::create().
  static Result<Answer> create(uint32_t index, const engine::GenerateOptions& options, const EncodedPrompt& prompt,
                               const model::Tokenizer& tokenizer, GenerationListener& listener);

  // An event without a failure. True: the answer has ended, by the event or by a stop string, and the listener has
  // received its end.
  bool on_event(const pipeline::TokenEvent& event);
  void end(engine::FinishReason reason);  // without effect on an answer that has ended
  bool ended() const { return ended_; }

 private:
  Answer(uint32_t index, const engine::GenerateOptions& options, const EncodedPrompt& prompt, engine::StopMatcher stops,
         const model::Tokenizer& tokenizer, GenerationListener& listener);
  // Whether a stop string has ended the answer.
  bool push(const wire::SampledToken& token, bool ends_text);
  TokenReport report(const wire::SampledToken& token, bool special = false) const;
  void echo(const pipeline::TokenEvent& event);
  // Passes on the pieces of `text`, the reports with the first of them.
  void pass_on(std::string text, std::vector<TokenReport> reports);

  uint32_t index_;
  bool reports_requested_;
  bool only_prompt_;
  bool echoes_;
  bool opens_thought_;
  std::optional<std::string> echo_;  // until it is passed on
  model::TokenId first_token_;       // of the prompt
  bool adds_bos_;
  std::unique_ptr<model::AnswerParser> parser_;  // none: all of it is text
  engine::StopMatcher stops_;
  std::vector<std::string> stop_strings_;  // the request's own, which come first in `stops_`
  const model::Tokenizer* tokenizer_;
  GenerationListener* listener_;
  model::TokenStream stream_;
  engine::GenerateStats stats_;
  Clock::time_point begun_ = Clock::now();
  Clock::time_point first_{};
  bool ended_ = false;
};

// What is asked of the ring for one answer.
pipeline::Request ring_request(const EncodedPrompt& prompt, const engine::GenerateOptions& options,
                               const PromptEncoder& encoder);

}  // namespace exogpu::node
