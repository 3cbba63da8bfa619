#include "api/ollama/answer_lines.h"

#include "api/ollama/keep_alive.h"
#include "api/ollama/time_text.h"
#include "api/surface/models.h"

namespace exogpu::api::ollama {

using json = nlohmann::ordered_json;

namespace {

const char* done_reason(engine::FinishReason reason) {
  const bool limit = reason == engine::FinishReason::length || reason == engine::FinishReason::context_full;
  return limit ? "length" : "stop";
}

json token_json(const node::TokenReport::Candidate& token) {
  return {{"token", token.bytes}, {"logprob", token.logprob}};
}

json logprob_json(const node::TokenReport& token) {
  json out = token_json(token.chosen);
  if (token.likeliest.empty()) return out;
  for (const auto& candidate : token.likeliest) out["top_logprobs"].push_back(token_json(candidate));
  return out;
}

json head(const std::string& model) {
  return {{"model", model}, {"created_at", time_text(std::chrono::system_clock::now())}};
}

}  // namespace

AnswerLines::AnswerLines(AnswerForm form, std::string model) : form_(form), model_(std::move(model)) {}

void AnswerLines::finish_call() {
  if (!call_) return;
  json arguments = json::parse(call_->arguments.empty() ? "{}" : call_->arguments, nullptr, false);
  if (arguments.is_object()) {
    part_.calls.push_back({{"function", {{"name", call_->name}, {"arguments", std::move(arguments)}}}});
    called_ = true;
  }
  call_.reset();
}

void AnswerLines::read(const Delivery& delivery) {
  if (delivery.prompt_tokens) prompt_tokens_ = *delivery.prompt_tokens;
  for (const AnswerUpdate& update : delivery.updates) {
    for (const model::AnswerPiece& piece : update.pieces) {
      switch (piece.kind) {
        case model::AnswerPiece::Kind::text:
          finish_call();
          part_.text += piece.text;
          break;
        case model::AnswerPiece::Kind::reasoning: part_.thinking += piece.text; break;
        case model::AnswerPiece::Kind::call:
          finish_call();
          call_ = {.name = piece.text, .arguments = ""};
          break;
        case model::AnswerPiece::Kind::arguments:
          if (call_) call_->arguments += piece.text;
          break;
      }
    }
    for (const node::TokenReport& token : update.tokens) part_.logprobs.push_back(logprob_json(token));
    if (!update.end) continue;
    finish_call();
    end_ = update.end;
    ended_ = Clock::now();
  }
}

json AnswerLines::line(const Part& part, bool done) const {
  json out = head(model_);
  if (form_ == AnswerForm::chat) {
    json& message = out["message"] = {{"role", "assistant"}, {"content", part.text}};
    if (!part.thinking.empty()) message["thinking"] = part.thinking;
    if (!part.calls.empty()) message["tool_calls"] = part.calls;
  } else {
    out["response"] = part.text;
    if (!part.thinking.empty()) out["thinking"] = part.thinking;
  }
  if (!part.logprobs.empty()) out["logprobs"] = part.logprobs;
  out["done"] = done;
  if (!done || !end_) return out;
  const auto nanoseconds = [](auto time) { return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count(); };
  out["done_reason"] = done_reason(end_->reason);
  out["total_duration"] = nanoseconds(ended_ - began_);
  out["prompt_eval_count"] = prompt_tokens_;
  out["prompt_eval_duration"] = nanoseconds(end_->prompt_time);
  out["eval_count"] = end_->answer_tokens;
  out["eval_duration"] = nanoseconds(end_->answer_time);
  return out;
}

std::string AnswerLines::events(Delivery delivery) {
  read(delivery);
  std::string out;
  if (!part_.empty()) out += dump(line(part_, false)) + "\n";
  part_ = {};
  if (delivery.error) return out + error(to_api_error(*delivery.error)) + "\n";
  if (delivery.ended) out += dump(line(part_, true)) + "\n";
  return out;
}

void AnswerLines::collect(Delivery delivery) { read(delivery); }

std::string AnswerLines::whole() const { return dump(line(part_, true)); }

std::string AnswerLines::error(const ApiError& error) const { return dump({{"error", error.message}}); }

Parsed<Action> only_load(const Fields& fields, const Exchange& exchange, AnswerForm form) {
  EXO_TRY(const auto name, fields.text("model"));
  EXO_TRY(const node::ModelEntry model, find_model(exchange.service, name.value_or("")));
  EXO_TRY(const auto keep, read_keep_alive(fields));
  const bool unload = asks_to_unload(fields);
  const auto done =
      unload
          ? exchange.service.unload(model.id)
          : exchange.service.load(
                model.id, {.pinned = false, .context = std::nullopt, .sequences = std::nullopt, .keep_loaded_s = keep});
  if (!done) return std::unexpected(to_api_error(done.error()));
  json out = head(model.id);
  if (form == AnswerForm::chat) {
    out["message"] = {{"role", "assistant"}, {"content", ""}};
  } else {
    out["response"] = "";
  }
  out["done"] = true;
  out["done_reason"] = unload ? "unload" : "load";
  return Reply{.body = dump(out)};
}

}  // namespace exogpu::api::ollama
