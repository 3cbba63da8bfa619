#include "cli/remote_model.h"

#include <format>
#include <nlohmann/json.hpp>

#include "api/answer_body.h"
#include "base/host_port.h"
#include "base/utf8.h"
#include "cli/folders.h"
#include "security/files.h"

namespace exogpu::cli {

namespace {

constexpr uint16_t kDefaultApiPort = 8080;
constexpr std::chrono::seconds kApiReply{5};
// A stream has a comment every 15 s while its model is loaded.
constexpr std::chrono::seconds kStreamSilence{60};

// The API of the node that runs with this machine's state folder.
std::optional<api::ApiAddress> running_api() {
  const auto state = state_folder("");
  if (!state || !security::FileLock::held(*state / "node.lock")) return std::nullopt;
  const auto text = security::read_file(*state / "api", KiB);
  if (!text) return std::nullopt;
  const auto at = parse_host_port(*text, kDefaultApiPort, "the node's API");
  if (!at) return std::nullopt;
  return api::ApiAddress{.host = at->host.empty() ? "127.0.0.1" : at->host, .port = at->port};
}

std::string chat_request(const std::string& model, std::span<const ChatMessage> conversation,
                         const ChatSettings& settings) {
  nlohmann::json messages = nlohmann::json::array();
  for (const ChatMessage& message : conversation) {
    messages.push_back({{"role", message.role}, {"content", message.content}});
  }
  nlohmann::json request{{"model", model}, {"messages", std::move(messages)}};
  if (settings.thinking) request["chat_template_kwargs"] = {{"enable_thinking", *settings.thinking}};
  return api::answer_body(std::move(request), settings.generate);
}

}  // namespace

std::unique_ptr<RemoteModel> RemoteModel::find(const std::string& name) {
  auto at = running_api();
  if (!at) return nullptr;
  const auto reply = api::get(*at, "/v1/models", kApiReply);
  if (!reply || reply->status != 200) return nullptr;
  const nlohmann::json list = nlohmann::json::parse(reply->body, nullptr, false);
  if (!list.is_object()) return nullptr;
  for (const nlohmann::json& model : list.value("data", nlohmann::json::array())) {
    if (model.value("id", "") != name) continue;
    return std::unique_ptr<RemoteModel>(new RemoteModel(*std::move(at), name, model.value("max_model_len", 0U)));
  }
  return nullptr;
}

std::string RemoteModel::description() const {
  return std::format("{}, of the cluster, by the node at {}:{}", printable(name_), at_.host, at_.port);
}

Result<engine::GenerateStats> RemoteModel::answer(std::span<const ChatMessage> conversation,
                                                  const ChatSettings& settings,
                                                  const std::function<void(std::string_view)>& on_text,
                                                  const std::stop_token& cancel) {
  const std::string body = chat_request(name_, conversation, settings);
  EXO_TRY(const api::AskStats stats, api::stream_answer(at_, api::kChatPath, body, kStreamSilence, on_text, cancel));
  engine::GenerateStats out;
  out.reason = cancel.stop_requested() ? engine::FinishReason::cancelled : engine::FinishReason::end_of_text;
  if (stats.finish_reason == "length") out.reason = engine::FinishReason::length;
  out.prompt_tokens = stats.prompt_tokens;
  out.answer_tokens = stats.answer_tokens;
  out.prompt_time = stats.first;
  out.answer_time = stats.whole - stats.first;
  return out;
}

}  // namespace exogpu::cli
