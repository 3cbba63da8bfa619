#include "cli/local_model.h"

#include <nlohmann/json.hpp>

#include "cli/open_model.h"

namespace exogpu::cli {
namespace {

// A prompt that ends with an opened thought has the model write only its rest.
bool opens_thought(std::string_view prompt) {
  while (!prompt.empty() && (prompt.back() == '\n' || prompt.back() == ' ')) prompt.remove_suffix(1);
  return prompt.ends_with("<think>");
}

}  // namespace

Result<std::unique_ptr<LocalModel>> LocalModel::load(const ModelOptions& options) {
  EXO_TRY(model::Gguf file, open_model(options.path));
  EXO_TRY(model::Tokenizer tokenizer, model::Tokenizer::load(file));
  EXO_TRY(model::ChatTemplate chat_template, model::ChatTemplate::load(file));
  EXO_TRY(LoadedModel loaded, load_model(std::move(file), options));
  return std::unique_ptr<LocalModel>(new LocalModel(std::move(loaded), std::move(tokenizer), std::move(chat_template)));
}

LocalModel::LocalModel(LoadedModel loaded, model::Tokenizer tokenizer, model::ChatTemplate chat_template)
    : loaded_(std::move(loaded)),
      tokenizer_(std::move(tokenizer)),
      template_(std::move(chat_template)),
      generator_(*loaded_.chain, tokenizer_) {}

std::string LocalModel::description() const {
  std::string name = loaded_.file->get_string_or("general.name", "").value_or("");
  if (name.empty()) name = loaded_.file->path().filename().string();
  return std::format("{} ({}, {}) on {}", name, loaded_.chain->architecture().name,
                     format_bytes(loaded_.file->file_bytes()), loaded_.device->info().name);
}

Result<engine::GenerateStats> LocalModel::answer(std::span<const ChatMessage> conversation,
                                                 const ChatSettings& settings,
                                                 const std::function<void(std::string_view)>& on_text,
                                                 const std::stop_token& cancel) {
  nlohmann::json messages = nlohmann::json::array();
  for (const ChatMessage& m : conversation) messages.push_back({{"role", m.role}, {"content", m.content}});
  nlohmann::json extra = nlohmann::json::object();
  if (settings.thinking) extra["enable_thinking"] = *settings.thinking;
  model::ChatRequest request;
  request.messages_json = messages.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  request.extra_json = extra.dump();
  EXO_TRY(std::string prompt, template_.render(request));
  // Most templates write BOS themselves; a second one would confuse the model.
  std::vector<model::TokenId> tokens = tokenizer_.encode(prompt, {.add_special = false, .parse_special = true});
  if (tokenizer_.adds_bos() && (tokens.empty() || tokens.front() != tokenizer_.bos()))
    tokens.insert(tokens.begin(), tokenizer_.bos());
  bool announced = !opens_thought(prompt);
  auto with_thought = [&](std::string_view text) {
    if (!announced) on_text("<think>");
    announced = true;
    on_text(text);
  };
  return generator_.generate(tokens, settings.generate, with_thought, cancel);
}

Result<engine::GenerateStats> LocalModel::complete(std::string_view text, const engine::GenerateOptions& options,
                                                   const std::function<void(std::string_view)>& on_text,
                                                   const std::stop_token& cancel) {
  return generator_.generate(tokenizer_.encode(text, {.add_special = true, .parse_special = true}), options, on_text,
                             cancel);
}

}  // namespace exogpu::cli
