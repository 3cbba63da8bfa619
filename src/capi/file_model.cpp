#include "capi/file_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "capi/answer_prompt.h"
#include "engine/chain.h"
#include "engine/default_settings.h"
#include "node/embedding_text.h"

namespace exogpu::capi {
namespace {

Result<const gpu::Device*> device_for(const gpu::Machine& machine, const std::string& name) {
  if (!name.empty()) return machine.find(name);
  const auto devices = machine.devices();
  const auto best = std::ranges::find_if(devices, [](const gpu::Device& device) { return !device.info().software; });
  return best == devices.end() ? &devices.front() : &*best;
}

Result<engine::ShardOptions> shard_options(const model::Gguf& file, const FileModelOptions& options) {
  EXO_TRY(const engine::Architecture architecture, engine::read_architecture(file));
  engine::ShardOptions shard;
  shard.context = options.context > 0 ? options.context : engine::default_context(architecture);
  shard.batch_tokens = options.batch;
  shard.threads = options.threads;
  shard.embeddings = architecture.gives_embeddings();
  return shard;
}

}  // namespace

Result<std::shared_ptr<FileModel>> FileModel::load(std::shared_ptr<Core> core, const FileModelOptions& options,
                                                   const std::stop_token& stop) {
  EXO_TRY(model::Gguf opened, model::Gguf::open(options.path));
  auto file = std::make_unique<model::Gguf>(std::move(opened));
  std::optional<model::TemplateText> chat_template;
  if (options.chat_template) {
    EXO_TRY(chat_template, model::read_template(*options.chat_template));
  }
  // Before the weights, which take longest.
  EXO_TRY(auto encoder, node::PromptEncoder::load(*file, chat_template));
  EXO_TRY(const gpu::Device* const device, device_for(core->machine, options.device));
  EXO_TRY(engine::ShardOptions shard, shard_options(*file, options));
  if (shard.batch_tokens == 0) shard.batch_tokens = engine::usual_batch(*file, *device, shard);
  EXO_TRY(engine::Chain chain, engine::Chain::load(*file, {}, *device, shard, {}, stop));
  return std::shared_ptr<FileModel>(
      new FileModel(std::move(core), device->info().id, std::move(file), std::move(encoder), std::move(chain)));
}

FileModel::FileModel(std::shared_ptr<Core> core, std::string device, std::unique_ptr<model::Gguf> file,
                     std::unique_ptr<node::PromptEncoder> encoder, engine::Chain chain)
    : core_(std::move(core)),
      device_(std::move(device)),
      file_(std::move(file)),
      encoder_(std::move(encoder)),
      context_(chain.options().context),
      batch_(chain.options().batch_tokens),
      generator_(std::move(chain), *encoder_) {}

Result<std::string> FileModel::json() {
  nlohmann::ordered_json json = details_json(encoder_->details());
  json["context_tokens"] = context_;
  json["device"] = device_;
  json["file"] = file_->path().string();
  json["file_bytes"] = file_->file_bytes();
  json["warnings"] = encoder_->warnings();
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<std::vector<model::TokenId>> FileModel::tokenize(std::string_view text, const model::EncodeOptions& options) {
  return encoder_->tokenize(text, options);
}

Result<std::string> FileModel::detokenize(std::span<const model::TokenId> tokens) {
  return encoder_->detokenize(tokens);
}

Result<std::string> FileModel::render(const std::string& messages) {
  model::ChatRequest chat;
  chat.messages_json = messages;
  return encoder_->render(chat);
}

Result<std::vector<float>> FileModel::embed(std::string_view text) {
  node::GenerationRequest request;
  request.prompt = std::string(text);
  request.embedding.emplace();
  EXO_CHECK(node::check_purpose(request, encoder_->details(), encoder_->details().name));
  EXO_TRY(const node::EncodedPrompt prompt,
          node::text_to_embed(*encoder_, request, {.context = context_, .batch = batch_}));
  const Turns::Turn turn(turns_, {});
  return generator_.embed(prompt);
}

Result<engine::GenerateStats> FileModel::generate(const AnswerRequest& request, const OnText& on_text,
                                                  const std::stop_token& cancel) {
  if (encoder_->details().embeddings) {
    return fail(ErrorCode::invalid_argument, "{}: the model gives embeddings and writes no text",
                file_->path().string());
  }
  EXO_TRY(node::EncodedPrompt prompt, encoder_->encode(prompt_of(request)));
  EXO_CHECK(encoder_->constrain(request.options, prompt));
  const Turns::Turn turn(turns_, cancel);
  if (!turn) {
    engine::GenerateStats stats;
    stats.reason = engine::FinishReason::cancelled;
    return stats;
  }
  return generator_.generate(prompt, request.options, on_text, cancel);
}

}  // namespace exogpu::capi
