// Answers in llama.cpp's own form.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/generation/answer_writer.h"

namespace exogpu::api::llama_cpp {

// Whole, or as events that begin with "data: ", of which the last one has "stop": true.
class CompletionWriter final : public AnswerWriter {
 public:
  // `return_tokens`: the answer lists its tokens' ids; the reports of the tokens must have been asked for.
  CompletionWriter(std::string model, bool return_tokens) : model_(std::move(model)), return_tokens_(return_tokens) {}

  std::string events(Delivery delivery) override;
  void collect(Delivery delivery) override;
  std::string whole() const override;

 private:
  nlohmann::ordered_json result(const std::string& text, bool stop) const;

  std::string model_;
  bool return_tokens_;
  std::string text_;
  std::vector<model::TokenId> tokens_;
  uint32_t prompt_tokens_ = 0;
  std::optional<engine::GenerateStats> end_;
};

}  // namespace exogpu::api::llama_cpp
