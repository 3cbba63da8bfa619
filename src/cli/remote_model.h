// A model of the cluster to which this machine's node belongs, asked through the node's API.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/ask.h"
#include "cli/chat/chat_backend.h"

namespace exogpu::cli {

class RemoteModel : public ChatBackend {
 public:
  // Null where no node runs with this machine's state folder, or the cluster has no model of this name.
  static std::unique_ptr<RemoteModel> find(const std::string& name);

  std::string description() const override;
  uint32_t context_tokens() const override { return context_; }
  // The first answer waits until the model is loaded. Errors: those of the API.
  Result<engine::GenerateStats> answer(std::span<const ChatMessage> conversation, const ChatSettings& settings,
                                       const std::function<void(std::string_view)>& on_text,
                                       const std::stop_token& cancel) override;

 private:
  RemoteModel(api::ApiAddress at, std::string name, uint32_t context)
      : at_(std::move(at)), name_(std::move(name)), context_(context) {}

  api::ApiAddress at_;
  std::string name_;
  uint32_t context_ = 0;
};

}  // namespace exogpu::cli
