// Answers in Ollama's form: whole, or as a line of JSON for each piece.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "api/generation/answer_writer.h"
#include "api/surface/exchange.h"

namespace exogpu::api::ollama {

enum class AnswerForm { chat, generate };

// A tool call is sent once its arguments are complete; one that the answer's end cuts off is left out.
class AnswerLines final : public AnswerWriter {
 public:
  AnswerLines(AnswerForm form, std::string model);

  std::string_view stream_type() const override { return "application/x-ndjson"; }
  std::string keep_alive() const override { return {}; }  // clients parse each line
  std::string events(Delivery delivery) override;
  void collect(Delivery delivery) override;
  std::string whole() const override;
  std::string error(const ApiError& error) const override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Part {
    std::string text, thinking;
    nlohmann::ordered_json calls = nlohmann::ordered_json::array();
    nlohmann::ordered_json logprobs = nlohmann::ordered_json::array();
    bool empty() const { return text.empty() && thinking.empty() && calls.empty() && logprobs.empty(); }
  };

  void read(const Delivery& delivery);
  void finish_call();
  nlohmann::ordered_json line(const Part& part, bool done) const;

  AnswerForm form_;
  std::string model_;
  Part part_;  // not sent yet
  struct OpenCall {
    std::string name, arguments;
  };
  std::optional<OpenCall> call_;
  bool called_ = false;
  uint32_t prompt_tokens_ = 0;
  std::optional<engine::GenerateStats> end_;
  Clock::time_point began_ = Clock::now(), ended_ = began_;
};

// The reply to a request without a prompt, by which clients have a model loaded. Errors: the model is not ready.
Parsed<Action> only_load(const Fields& fields, const Exchange& exchange, AnswerForm form);

}  // namespace exogpu::api::ollama
