// A model file on a device of this process.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "capi/context.h"
#include "capi/text_model.h"
#include "capi/turns.h"
#include "model/gguf.h"
#include "node/local_generator.h"
#include "node/prompt.h"

namespace exogpu::capi {

struct FileModelOptions {
  std::filesystem::path path;
  std::string device;  // empty: the best that is no software renderer
  uint32_t context = 0, threads = 0, batch = 0;
  std::optional<std::filesystem::path> chat_template;
};

class FileModel final : public TextModel {
 public:
  // Errors: those of Gguf::open(), PromptEncoder::load(), Machine::find() and Shard::load().
  static Result<std::shared_ptr<FileModel>> load(std::shared_ptr<Core> core, const FileModelOptions& options,
                                                 const std::stop_token& stop);

  Result<std::string> json() override;
  Result<std::vector<model::TokenId>> tokenize(std::string_view text, const model::EncodeOptions& options) override;
  Result<std::string> detokenize(std::span<const model::TokenId> tokens) override;
  Result<std::string> render(const std::string& messages) override;
  Result<std::vector<float>> embed(std::string_view text) override;
  Result<engine::GenerateStats> generate(const AnswerRequest& request, const OnText& on_text,
                                         const std::stop_token& cancel) override;

 private:
  FileModel(std::shared_ptr<Core> core, std::string device, std::unique_ptr<model::Gguf> file,
            std::unique_ptr<node::PromptEncoder> encoder, engine::Chain chain);

  std::shared_ptr<Core> core_;  // has the device
  std::string device_;
  std::unique_ptr<model::Gguf> file_;  // has the weights
  std::unique_ptr<node::PromptEncoder> encoder_;
  uint32_t context_, batch_;
  Turns turns_;
  node::LocalGenerator generator_;  // used with the turn
};

}  // namespace exogpu::capi
