// Answers in OpenAI's format: whole, or as the chunks of a stream.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/generation/answer_writer.h"
#include "api/generation/whole_answer.h"
#include "api/openai/call.h"

namespace exogpu::api {

class AnswerFormat final : public AnswerWriter {
 public:
  struct Options {
    CallKind kind = CallKind::chat;
    bool include_usage = false, logprobs = false, names_tokens_by_id = false;  // as in Call
    uint32_t answers = 1;
  };
  AnswerFormat(const Options& options, const AnswerStart& start);

  // The events of a stream, "data: {...}" and a blank line each. A delivery with prompt_tokens opens the answers of a
  // chat; the last one adds the usage, if requested, and "data: [DONE]". An error is an event, too, and the last one.
  std::string events(Delivery delivery) override;
  void collect(Delivery delivery) override;
  std::string whole() const override;

 private:
  struct Answer {
    WholeAnswer whole;
    size_t calls = 0;           // begun
    size_t streamed_calls = 0;  // of these, in the stream
    std::vector<node::TokenReport> tokens;
    std::string finish_reason;
    size_t text_bytes = 0;  // bytes of the tokens so far, for text_offset
  };

  void count(const Delivery& delivery);
  std::string usage() const;
  std::string head(const char* object) const;
  std::string stream_event(const nlohmann::ordered_json& choice) const;
  // The events of one update of a chat, without its end; `logprobs` go with the first.
  std::string chat_events(const AnswerUpdate& update, nlohmann::ordered_json logprobs);
  nlohmann::ordered_json delta(Answer& answer, uint32_t index, const model::AnswerPiece& piece) const;
  std::string update_events(const AnswerUpdate& update);

  Options options_;
  AnswerStart start_;
  std::string id_;
  std::vector<Answer> answers_;
  uint64_t prompt_tokens_ = 0, reused_tokens_ = 0, answer_tokens_ = 0;
  uint32_t messages_removed_ = 0;
};

}  // namespace exogpu::api
