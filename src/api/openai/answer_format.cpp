#include "api/openai/answer_format.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

const char* finish_reason(engine::FinishReason reason) {
  switch (reason) {
    case engine::FinishReason::length:
    case engine::FinishReason::context_full: return "length";
    default: return "stop";
  }
}

json bytes_of(const std::string& text) {
  json bytes = json::array();
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

json chat_token(const node::TokenReport::Candidate& token) {
  return {{"token", token.bytes}, {"logprob", token.logprob}, {"bytes", bytes_of(token.bytes)}};
}

json chat_logprobs(const std::vector<node::TokenReport>& tokens) {
  json content = json::array();
  for (const node::TokenReport& token : tokens) {
    json entry = chat_token(token.chosen);
    json& top = entry["top_logprobs"] = json::array();
    for (const auto& candidate : token.likeliest) top.push_back(chat_token(candidate));
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

json completion_logprobs(const std::vector<node::TokenReport>& tokens, size_t offset, bool by_id) {
  const auto name_of = [by_id](const node::TokenReport::Candidate& token) {
    return by_id ? std::format("token_id:{}", token.token) : token.bytes;
  };
  json out = {{"tokens", json::array()},
              {"token_logprobs", json::array()},
              {"top_logprobs", json::array()},
              {"text_offset", json::array()}};
  for (const node::TokenReport& token : tokens) {
    out["tokens"].push_back(name_of(token.chosen));
    out["token_logprobs"].push_back(token.begins ? json() : json(token.chosen.logprob));
    json top = token.begins ? json() : json::object();
    for (const auto& candidate : token.likeliest) {
      // Several tokens may have the same text; the first is the most likely.
      if (const std::string name = name_of(candidate); !top.contains(name)) top[name] = candidate.logprob;
    }
    out["top_logprobs"].push_back(std::move(top));
    out["text_offset"].push_back(offset);
    offset += token.chosen.bytes.size();
  }
  return out;
}

// A message of tool calls alone has no content.
json chat_message(const WholeAnswer& whole) {
  json message = {{"role", "assistant"}, {"content", whole.text}, {"refusal", nullptr}};
  if (!whole.reasoning.empty()) message["reasoning_content"] = whole.reasoning;
  if (whole.calls.empty()) return message;
  if (whole.text.empty()) message["content"] = nullptr;
  for (const ToolCall& call : whole.calls) {
    message["tool_calls"].push_back(
        {{"id", call.id}, {"type", "function"}, {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  }
  return message;
}

std::string event(const std::string& data) { return "data: " + data + "\n\n"; }

}  // namespace

AnswerFormat::AnswerFormat(const Options& options, const AnswerStart& start)
    : options_(options),
      start_(start),
      id_(std::format("{}-{:016x}", options.kind == CallKind::chat ? "chatcmpl" : "cmpl", start.id)),
      answers_(options.answers) {}

// An object without its closing brace, so that fields can be appended.
std::string AnswerFormat::head(const char* object) const {
  json fields = {{"id", id_}, {"object", object}, {"created", start_.created}, {"model", start_.model}};
  if (messages_removed_ > 0) fields["truncation"] = {{"messages_removed", messages_removed_}};
  std::string text = dump(fields);
  text.pop_back();
  return text;
}

std::string AnswerFormat::usage() const {
  return dump({{"prompt_tokens", prompt_tokens_},
               {"completion_tokens", answer_tokens_},
               {"total_tokens", prompt_tokens_ + answer_tokens_},
               {"prompt_tokens_details", {{"cached_tokens", reused_tokens_}}}});
}

void AnswerFormat::count(const Delivery& delivery) {
  if (delivery.prompt_tokens) {
    prompt_tokens_ = *delivery.prompt_tokens;
    messages_removed_ = delivery.messages_removed;
  }
  for (const AnswerUpdate& update : delivery.updates) {
    answers_[update.answer].calls += static_cast<size_t>(
        std::ranges::count(update.pieces, model::AnswerPiece::Kind::call, &model::AnswerPiece::kind));
    if (!update.end) continue;
    answer_tokens_ += update.end->answer_tokens;
    // Further answers to the same prompt reuse all of it, so only the first reports how much was resident.
    if (update.answer == 0) reused_tokens_ = update.end->prompt_reused;
    Answer& answer = answers_[update.answer];
    answer.finish_reason = finish_reason(update.end->reason);
    if (answer.calls > 0 && answer.finish_reason == "stop") answer.finish_reason = "tool_calls";
  }
}

std::string AnswerFormat::stream_event(const json& choice) const {
  const bool chat = options_.kind == CallKind::chat;
  return event(head(chat ? "chat.completion.chunk" : "text_completion") + R"(,"choices":[)" + dump(choice) + "]" +
               (options_.include_usage ? R"(,"usage":null})" : "}"));
}

json AnswerFormat::delta(Answer& answer, uint32_t index, const model::AnswerPiece& piece) const {
  using Kind = model::AnswerPiece::Kind;
  switch (piece.kind) {
    case Kind::text: break;
    case Kind::reasoning: return {{"reasoning_content", piece.text}};
    case Kind::call: {
      const size_t call = answer.streamed_calls++;
      const json function = {{"name", piece.text}, {"arguments", ""}};
      return {{"tool_calls",
               {{{"index", call},
                 {"id", call_id(piece, start_, index, call)},
                 {"type", "function"},
                 {"function", function}}}}};
    }
    case Kind::arguments:
      return {{"tool_calls", {{{"index", answer.streamed_calls - 1}, {"function", {{"arguments", piece.text}}}}}}};
  }
  return {{"content", piece.text}};
}

std::string AnswerFormat::chat_events(const AnswerUpdate& update, json logprobs) {
  std::string out;
  const auto add = [&](json changes) {
    out += stream_event({{"index", update.answer},
                         {"delta", std::move(changes)},
                         {"logprobs", std::exchange(logprobs, nullptr)},
                         {"finish_reason", nullptr}});
  };
  for (const model::AnswerPiece& piece : update.pieces) add(delta(answers_[update.answer], update.answer, piece));
  if (!logprobs.is_null()) add({{"content", ""}});
  return out;
}

std::string AnswerFormat::update_events(const AnswerUpdate& update) {
  Answer& answer = answers_[update.answer];
  const bool chat = options_.kind == CallKind::chat;
  json logprobs = nullptr;
  if (options_.logprobs && !update.tokens.empty()) {
    logprobs = chat ? chat_logprobs(update.tokens)
                    : completion_logprobs(update.tokens, answer.text_bytes, options_.names_tokens_by_id);
    for (const auto& token : update.tokens) answer.text_bytes += token.chosen.bytes.size();
  }
  const json reason = update.end ? json(answer.finish_reason) : json(nullptr);
  if (!chat) {
    return stream_event({{"index", update.answer},
                         {"text", update.text()},
                         {"logprobs", std::move(logprobs)},
                         {"finish_reason", reason}});
  }
  std::string out = chat_events(update, std::move(logprobs));
  if (update.end) {
    out += stream_event(
        {{"index", update.answer}, {"delta", json::object()}, {"logprobs", nullptr}, {"finish_reason", reason}});
  }
  return out;
}

std::string AnswerFormat::events(Delivery delivery) {
  count(delivery);
  std::string out;
  if (delivery.prompt_tokens && options_.kind == CallKind::chat) {
    for (size_t i = 0; i < answers_.size(); ++i) {
      out += stream_event({{"index", i},
                           {"delta", {{"role", "assistant"}, {"content", ""}}},
                           {"logprobs", nullptr},
                           {"finish_reason", nullptr}});
    }
  }
  for (const AnswerUpdate& update : delivery.updates) out += update_events(update);
  if (delivery.error) return out + event(to_json(to_api_error(*delivery.error, delivery.queue)));
  if (!delivery.ended) return out;
  const bool chat = options_.kind == CallKind::chat;
  if (options_.include_usage) {
    out +=
        event(head(chat ? "chat.completion.chunk" : "text_completion") + R"(,"choices":[],"usage":)" + usage() + "}");
  }
  return out + event("[DONE]");
}

void AnswerFormat::collect(Delivery delivery) {
  count(delivery);
  for (AnswerUpdate& update : delivery.updates) {
    Answer& answer = answers_[update.answer];
    for (const model::AnswerPiece& piece : update.pieces) answer.whole.add(piece, start_, update.answer);
    std::move(update.tokens.begin(), update.tokens.end(), std::back_inserter(answer.tokens));
  }
}

std::string AnswerFormat::whole() const {
  const bool chat = options_.kind == CallKind::chat;
  json choices = json::array();
  for (size_t i = 0; i < answers_.size(); ++i) {
    const Answer& answer = answers_[i];
    json logprobs = nullptr;
    if (options_.logprobs)
      logprobs =
          chat ? chat_logprobs(answer.tokens) : completion_logprobs(answer.tokens, 0, options_.names_tokens_by_id);
    json choice = {{"index", i}};
    if (chat) {
      choice["message"] = chat_message(answer.whole);
    } else {
      choice["text"] = answer.whole.text;
    }
    choice["logprobs"] = std::move(logprobs);
    choice["finish_reason"] = answer.finish_reason;
    choices.push_back(std::move(choice));
  }
  return head(chat ? "chat.completion" : "text_completion") + R"(,"choices":)" + dump(choices) + R"(,"usage":)" +
         usage() + "}";
}

TextCall to_text_call(Call call) {
  const AnswerFormat::Options options{.kind = call.kind,
                                      .include_usage = call.include_usage,
                                      .logprobs = call.logprobs,
                                      .names_tokens_by_id = call.names_tokens_by_id,
                                      .answers = call.answers()};
  return {.generations = std::move(call.generations),
          .stream = call.stream,
          .linger = call.linger,
          .writer = [options](const AnswerStart& start) { return std::make_unique<AnswerFormat>(options, start); }};
}

}  // namespace exogpu::api
