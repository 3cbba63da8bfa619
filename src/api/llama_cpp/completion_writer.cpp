#include "api/llama_cpp/completion_writer.h"

#include "api/json/json_body.h"

namespace exogpu::api::llama_cpp {

using json = nlohmann::ordered_json;

namespace {

const char* stop_type(engine::FinishReason reason) {
  switch (reason) {
    case engine::FinishReason::length:
    case engine::FinishReason::context_full: return "limit";
    case engine::FinishReason::stop_string: return "word";
    default: return "eos";
  }
}

}  // namespace

json CompletionWriter::result(const std::string& text, bool stop) const {
  json out = {{"index", 0}, {"content", text}, {"stop", stop}};
  if (return_tokens_) out["tokens"] = tokens_;
  if (!stop) return out;
  out["model"] = model_;
  out["tokens_evaluated"] = prompt_tokens_;
  out["truncated"] = false;
  if (!end_) return out;
  out["tokens_predicted"] = end_->answer_tokens;
  out["tokens_cached"] = end_->prompt_reused;
  out["stop_type"] = stop_type(end_->reason);
  return out;
}

void CompletionWriter::collect(Delivery delivery) {
  if (delivery.prompt_tokens) prompt_tokens_ = *delivery.prompt_tokens;
  for (const AnswerUpdate& update : delivery.updates) {
    text_ += update.text();
    for (const node::TokenReport& token : update.tokens) tokens_.push_back(token.chosen.token);
    if (update.end) end_ = update.end;
  }
}

std::string CompletionWriter::events(Delivery delivery) {
  text_.clear();
  tokens_.clear();
  const std::optional<Error> error = delivery.error;
  const bool ended = delivery.ended;
  collect(std::move(delivery));
  std::string out;
  const auto add = [&](const std::string& data) { out += "data: " + data + "\n\n"; };
  if (!text_.empty() || !tokens_.empty()) add(dump(result(text_, false)));
  if (error) {
    add(to_json(to_api_error(*error)));
  } else if (ended) {
    tokens_.clear();
    add(dump(result("", true)));
  }
  return out;
}

std::string CompletionWriter::whole() const { return dump(result(text_, true)); }

}  // namespace exogpu::api::llama_cpp
