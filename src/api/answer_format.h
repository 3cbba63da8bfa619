// Answers in OpenAI's format: whole, or as the chunks of a stream.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/call.h"
#include "api/mailbox.h"

namespace exogpu::api {

class AnswerFormat {
 public:
  // `id`: unique; `created`: Unix time in seconds.
  AnswerFormat(const Call& call, std::string id, int64_t created, std::string model);

  // The events of a stream, "data: {...}" and a blank line each. A delivery with prompt_tokens opens the answers of a
  // chat; the last one adds the usage, if requested, and "data: [DONE]". An error is an event, too, and the last one.
  std::string events(Delivery delivery);

  // For an answer that is sent whole: collects deliveries; whole() formats them after all answers have ended.
  void collect(Delivery delivery);
  std::string whole() const;

 private:
  struct Answer {
    std::string text;
    std::vector<node::TokenReport> tokens;
    std::string finish_reason;
    size_t text_bytes = 0;  // bytes of the tokens so far, for text_offset
  };

  void count(const Delivery& delivery);
  Delivery without_text(Delivery delivery) const;
  std::string usage() const;
  std::string head(const char* object) const;

  CallKind kind_;
  bool include_usage_, logprobs_, only_prompt_;
  std::string id_;
  int64_t created_;
  std::string model_;
  std::vector<Answer> answers_;
  uint64_t prompt_tokens_ = 0, reused_tokens_ = 0, answer_tokens_ = 0;
};

}  // namespace exogpu::api
