#include "cli/remote_model.h"

#include <format>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "cli/address.h"
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

nlohmann::json chat_request(const std::string& model, std::span<const ChatMessage> conversation,
                            const ChatSettings& settings) {
  const engine::GenerateOptions& options = settings.generate;
  const auto& sampling = options.sampling;
  nlohmann::json messages = nlohmann::json::array();
  for (const ChatMessage& message : conversation) {
    messages.push_back({{"role", message.role}, {"content", message.content}});
  }
  nlohmann::json body{{"model", model},
                      {"messages", std::move(messages)},
                      {"stream", true},
                      {"stream_options", {{"include_usage", true}}},
                      {"temperature", sampling.temperature},
                      {"top_k", sampling.top_k},
                      {"top_p", sampling.top_p},
                      {"min_p", sampling.min_p},
                      {"typical_p", sampling.typical_p},
                      {"repeat_penalty", sampling.repeat_penalty},
                      {"presence_penalty", sampling.presence_penalty},
                      {"frequency_penalty", sampling.frequency_penalty},
                      {"repeat_last_n", sampling.penalty_last_n},
                      {"seed", sampling.seed},
                      {"ignore_eos", options.ignore_end}};
  if (options.tokens_max > 0) body["max_tokens"] = options.tokens_max;
  if (!options.stops.empty()) body["stop"] = options.stops;
  for (const auto& [token, bias] : sampling.logit_bias) body["logit_bias"][std::to_string(token)] = bias;
  if (settings.thinking) body["chat_template_kwargs"] = {{"enable_thinking", *settings.thinking}};
  return body;
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
  const std::string body =
      chat_request(name_, conversation, settings).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  EXO_TRY(const api::AskStats stats, api::stream_chat(at_, body, kStreamSilence, on_text, cancel));
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
