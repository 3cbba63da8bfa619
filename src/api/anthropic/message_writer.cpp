#include "api/anthropic/message_writer.h"

#include "api/anthropic/routes.h"

namespace exogpu::api::anthropic {

using json = nlohmann::ordered_json;
using Kind = model::AnswerPiece::Kind;

namespace {

void add_event(std::string* out, const json& data) {
  if (out) *out += "event: " + data["type"].get<std::string>() + "\ndata: " + dump(data) + "\n\n";
}

json delta_json(Kind kind, const std::string& text) {
  switch (kind) {
    case Kind::reasoning: return {{"type", "thinking_delta"}, {"thinking", text}};
    case Kind::text: return {{"type", "text_delta"}, {"text", text}};
    default: return {{"type", "input_json_delta"}, {"partial_json", text}};
  }
}

// The input of a call that was cut off is no JSON; its reason is then "max_tokens".
json input_json(const std::string& text) {
  json input = json::parse(text, nullptr, false);
  return input.is_object() ? input : json::object();
}

}  // namespace

MessageWriter::MessageWriter(const AnswerStart& start, bool shows_thinking)
    : id_(std::format("{:016x}", start.id)), model_(start.model), shows_thinking_(shows_thinking) {}

std::string MessageWriter::keep_alive() const { return "event: ping\ndata: {\"type\": \"ping\"}\n\n"; }

void MessageWriter::open(Block block, std::string* out) {
  close(out);
  json content;
  switch (block.kind) {
    case Kind::text: content = {{"type", "text"}, {"text", ""}}; break;
    case Kind::reasoning: content = {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}}; break;
    default:
      if (block.id.empty()) block.id = std::format("toolu_{}_{}", id_, blocks_.size());
      content = {{"type", "tool_use"}, {"id", block.id}, {"name", block.name}, {"input", json::object()}};
  }
  add_event(out, {{"type", "content_block_start"}, {"index", blocks_.size()}, {"content_block", std::move(content)}});
  blocks_.push_back(std::move(block));
  open_ = true;
}

void MessageWriter::close(std::string* out) {
  if (std::exchange(open_, false)) add_event(out, {{"type", "content_block_stop"}, {"index", blocks_.size() - 1}});
}

void MessageWriter::add(const model::AnswerPiece& piece, std::string* out) {
  if (piece.kind == Kind::reasoning && !shows_thinking_) return;
  if (piece.kind == Kind::call) {
    return open({.kind = Kind::call, .text = "", .id = piece.call_id, .name = piece.text}, out);
  }
  if (piece.text.empty()) return;
  const Kind kind = piece.kind == Kind::arguments ? Kind::call : piece.kind;
  if (!open_ || blocks_.back().kind != kind) {
    if (kind == Kind::call) return;
    open({.kind = kind, .text = ""}, out);
  }
  blocks_.back().text += piece.text;
  add_event(
      out,
      {{"type", "content_block_delta"}, {"index", blocks_.size() - 1}, {"delta", delta_json(piece.kind, piece.text)}});
}

void MessageWriter::read(const Delivery& delivery, std::string* out) {
  if (delivery.prompt_tokens) {
    prompt_tokens_ = *delivery.prompt_tokens;
    add_event(out, {{"type", "message_start"}, {"message", message(json::array())}});
  }
  for (const AnswerUpdate& update : delivery.updates) {
    for (const model::AnswerPiece& piece : update.pieces) add(piece, out);
    if (update.end) end_ = update.end;
  }
}

json MessageWriter::stop_reason() const {
  if (!end_) return nullptr;
  switch (end_->reason) {
    case engine::FinishReason::length:
    case engine::FinishReason::context_full: return "max_tokens";
    case engine::FinishReason::stop_string: return end_->stop.empty() ? "end_turn" : "stop_sequence";
    default: break;
  }
  const bool called = std::ranges::any_of(blocks_, [](const Block& block) { return block.kind == Kind::call; });
  return called ? "tool_use" : "end_turn";
}

json MessageWriter::stop_sequence() const { return end_ && !end_->stop.empty() ? json(end_->stop) : json(); }

json MessageWriter::usage() const {
  const uint32_t reused = end_ ? end_->prompt_reused : 0;
  return {{"input_tokens", prompt_tokens_ - reused},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", reused},
          {"output_tokens", end_ ? end_->answer_tokens : 0}};
}

json MessageWriter::message(const json& content) const {
  return {{"id", "msg_" + id_},
          {"type", "message"},
          {"role", "assistant"},
          {"model", model_},
          {"content", content},
          {"stop_reason", stop_reason()},
          {"stop_sequence", stop_sequence()},
          {"usage", usage()}};
}

std::string MessageWriter::events(Delivery delivery) {
  std::string out;
  read(delivery, &out);
  if (delivery.error) return out + "event: error\ndata: " + error(to_api_error(*delivery.error)) + "\n\n";
  if (!delivery.ended) return out;
  close(&out);
  add_event(&out, {{"type", "message_delta"},
                   {"delta", {{"stop_reason", stop_reason()}, {"stop_sequence", stop_sequence()}}},
                   {"usage", usage()}});
  add_event(&out, {{"type", "message_stop"}});
  return out;
}

void MessageWriter::collect(Delivery delivery) { read(delivery, nullptr); }

std::string MessageWriter::whole() const {
  json content = json::array();
  for (const Block& block : blocks_) {
    switch (block.kind) {
      case Kind::text: content.push_back({{"type", "text"}, {"text", block.text}}); break;
      case Kind::reasoning:
        content.push_back({{"type", "thinking"}, {"thinking", block.text}, {"signature", ""}});
        break;
      default:
        content.push_back(
            {{"type", "tool_use"}, {"id", block.id}, {"name", block.name}, {"input", input_json(block.text)}});
    }
  }
  return dump(message(content));
}

std::string MessageWriter::error(const ApiError& error) const { return error_body(error); }

}  // namespace exogpu::api::anthropic
