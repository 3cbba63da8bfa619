// A model loaded on this machine, ready for a conversation: file, tokenizer, template, shards and generator.
#pragma once

#include <memory>
#include <optional>

#include "cli/chat/chat_backend.h"
#include "cli/model_options.h"
#include "node/local_generator.h"
#include "node/prompt.h"

namespace exogpu::cli {

class LocalModel : public ChatBackend {
 public:
  // Loads with a progress bar. Checks tokenizer and template before the weights, which take longest.
  static Result<std::unique_ptr<LocalModel>> load(const ModelOptions& options);

  std::string description() const override { return description_; }
  uint32_t context_tokens() const override { return context_; }
  Result<engine::GenerateStats> answer(std::span<const ChatMessage> conversation, const ChatSettings& settings,
                                       const std::function<void(std::string_view)>& on_text,
                                       const std::stop_token& cancel) override;

  // Continues `text` as it is, without a template.
  Result<engine::GenerateStats> complete(std::string_view text, const engine::GenerateOptions& options,
                                         const std::function<void(std::string_view)>& on_text,
                                         const std::stop_token& cancel);

 private:
  LocalModel(LoadedModel loaded, std::unique_ptr<node::PromptEncoder> encoder);

  LoadedModel loaded_;  // its chain moves into `generator_`
  std::unique_ptr<node::PromptEncoder> encoder_;
  std::string description_;
  uint32_t context_;
  node::LocalGenerator generator_;
};

}  // namespace exogpu::cli
