// Answers in llama.cpp's own form.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "api/generation/answer_writer.h"

namespace exogpu::api::llama_cpp {

// Whole, or as events that begin with "data: ", of which the last one has "stop": true.
class CompletionWriter final : public AnswerWriter {
 public:
  explicit CompletionWriter(std::string model) : model_(std::move(model)) {}

  std::string events(Delivery delivery) override;
  void collect(Delivery delivery) override;
  std::string whole() const override;

 private:
  nlohmann::ordered_json result(const std::string& text, bool stop) const;

  std::string model_;
  std::string text_;
  uint32_t prompt_tokens_ = 0;
  std::optional<engine::GenerateStats> end_;
};

}  // namespace exogpu::api::llama_cpp
