#include "cli/local_model.h"

#include <nlohmann/json.hpp>

#include "cli/open_model.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

std::string describe(const LoadedModel& loaded) {
  std::string name = loaded.file->get_string_or("general.name", "").value_or("");
  if (name.empty()) name = loaded.file->path().filename().string();
  return std::format("{} ({}, {}) on {}", name, loaded.chain->architecture().name,
                     format_bytes(loaded.file->file_bytes()), loaded.devices);
}

}  // namespace

Result<std::unique_ptr<LocalModel>> LocalModel::load(const ModelOptions& options) {
  EXO_TRY(model::Gguf file, open_model(options.path));
  std::optional<model::TemplateText> chat_template;
  if (!options.chat_template.empty()) {
    EXO_TRY(chat_template, model::read_template(options.chat_template));
  }
  EXO_TRY(std::unique_ptr<node::PromptEncoder> encoder, node::PromptEncoder::load(file, chat_template));
  for (const std::string& warning : encoder->warnings()) println_err("exogpu: {}", warning);
  EXO_TRY(LoadedModel loaded, load_model(std::move(file), options));
  return std::unique_ptr<LocalModel>(new LocalModel(std::move(loaded), std::move(encoder)));
}

LocalModel::LocalModel(LoadedModel loaded, std::unique_ptr<node::PromptEncoder> encoder)
    : loaded_(std::move(loaded)),
      encoder_(std::move(encoder)),
      description_(describe(loaded_)),
      context_(loaded_.chain->options().context),
      generator_(std::move(*loaded_.chain), *encoder_) {}

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
  EXO_TRY(node::EncodedPrompt prompt, encoder_->encode(request));
  EXO_CHECK(encoder_->constrain(settings.generate, prompt));
  return generator_.generate(prompt, settings.generate, on_text, cancel);
}

Result<engine::GenerateStats> LocalModel::complete(std::string_view text, const engine::GenerateOptions& options,
                                                   const std::function<void(std::string_view)>& on_text,
                                                   const std::stop_token& cancel) {
  EXO_TRY(node::EncodedPrompt prompt, encoder_->encode(std::string(text)));
  EXO_CHECK(encoder_->constrain(options, prompt));
  return generator_.generate(prompt, options, on_text, cancel);
}

}  // namespace exogpu::cli
