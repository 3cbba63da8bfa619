#include "capi/api_model.h"

#include <nlohmann/json.hpp>

#include "api/answer_body.h"

namespace exogpu::capi {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kReply{30};
// A stream has a comment every 15 s while its model is loaded.
constexpr std::chrono::seconds kStreamSilence{60};

Result<std::string> body_of(const Result<api::ServerReply>& reply) {
  if (!reply) return std::unexpected(reply.error());
  if (reply->status == 200) return reply->body;
  return fail(api::error_code_of(reply->status), "{}", api::error_message(*reply));
}

Result<Json> parsed(const Result<std::string>& body, const char* field) {
  if (!body) return std::unexpected(body.error());
  Json json = Json::parse(*body, nullptr, false);
  if (json.is_object() && json.contains(field)) return std::move(json[field]);
  return fail(ErrorCode::corrupt, "the API answered without \"{}\"", field);
}

Result<Json> ask(const api::ApiAddress& at, const char* path, const Json& request, const char* field) {
  const std::string body = request.dump(-1, ' ', false, Json::error_handler_t::replace);
  return parsed(body_of(api::post(at, path, body, kReply)), field);
}

// What a well-meant answer cannot be, but a foreign one may.
template <typename T>
Result<T> as(const Json& json, const char* what) {
  try {
    return json.get<T>();
  } catch (const Json::exception&) {
    return fail(ErrorCode::corrupt, "the API answered with something else than {}", what);
  }
}

Result<Json> json_field(const std::string& text, const char* what) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return fail(ErrorCode::invalid_argument, "{}: not JSON", what);
  return json;
}

engine::FinishReason reason_of(const std::string& reason) {
  return reason == "length" ? engine::FinishReason::length : engine::FinishReason::end_of_text;
}

}  // namespace

Result<std::string> ClusterObject::get(const std::string& path) const { return body_of(api::get(at, path, kReply)); }

Result<std::string> ApiModel::json() {
  EXO_TRY(const Json list, parsed(body_of(api::get(at_, "/v1/models", kReply)), "data"));
  for (const Json& model : list) {
    if (!model.is_object() || model.value("id", "") != name_) continue;
    nlohmann::ordered_json json = {{"name", name_}, {"context_tokens", model.value("max_model_len", 0U)}};
    json["model"] = model;
    return json.dump();
  }
  return fail(ErrorCode::not_found, "the cluster of the node at {}:{} has no model \"{}\"", at_.host, at_.port, name_);
}

Result<std::vector<model::TokenId>> ApiModel::tokenize(std::string_view text, const model::EncodeOptions& options) {
  EXO_TRY(const Json tokens, ask(at_, "/tokenize",
                                 {{"model", name_},
                                  {"content", text},
                                  {"add_special", options.add_special},
                                  {"parse_special", options.parse_special}},
                                 "tokens"));
  return as<std::vector<model::TokenId>>(tokens, "tokens");
}

Result<std::string> ApiModel::detokenize(std::span<const model::TokenId> tokens) {
  EXO_TRY(const Json text, ask(at_, "/detokenize",
                               {{"model", name_}, {"tokens", std::vector(tokens.begin(), tokens.end())}}, "content"));
  return as<std::string>(text, "a text");
}

Result<std::string> ApiModel::render(const std::string& messages) {
  EXO_TRY(const Json list, json_field(messages, "messages"));
  EXO_TRY(const Json text, ask(at_, "/apply-template", {{"model", name_}, {"messages", list}}, "prompt"));
  return as<std::string>(text, "a text");
}

Result<std::vector<float>> ApiModel::embed(std::string_view text) {
  EXO_TRY(const Json data, ask(at_, "/v1/embeddings", {{"model", name_}, {"input", text}}, "data"));
  const Json::json_pointer first("/0/embedding");
  if (!data.contains(first)) return fail(ErrorCode::corrupt, "the API answered without an embedding");
  return as<std::vector<float>>(data[first], "numbers");
}

Result<engine::GenerateStats> ApiModel::generate(const AnswerRequest& request, const OnText& on_text,
                                                 const std::stop_token& cancel) {
  Json body = {{"model", name_}};
  if (request.messages) {
    EXO_TRY(body["messages"], json_field(*request.messages, "messages"));
    if (!request.variables.empty()) {
      EXO_TRY(body["chat_template_kwargs"], json_field(request.variables, "variables"));
    }
  } else {
    body["prompt"] = request.prompt;
    // /v1/completions writes 16 tokens where it is not told.
    if (request.options.tokens_max == 0) body["max_tokens"] = -1;
  }
  EXO_TRY(const api::AskStats asked,
          api::stream_answer(at_, request.messages ? api::kChatPath : api::kTextPath,
                             api::answer_body(std::move(body), request.options), kStreamSilence, on_text, cancel));
  engine::GenerateStats stats;
  stats.reason = cancel.stop_requested() ? engine::FinishReason::cancelled : reason_of(asked.finish_reason);
  stats.prompt_tokens = asked.prompt_tokens;
  stats.answer_tokens = asked.answer_tokens;
  stats.prompt_time = asked.first;
  stats.answer_time = asked.whole - asked.first;
  return stats;
}

}  // namespace exogpu::capi
