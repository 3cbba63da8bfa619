#include "api/responses/response_writer.h"

namespace exogpu::api::responses {

using Kind = OutputItem::Kind;
using Piece = model::AnswerPiece::Kind;

ResponseWriter::ResponseWriter(const AnswerStart& start, json settings, std::vector<Message> messages,
                               AnswerStore* store)
    : id_(std::format("{:016x}", start.id)),
      created_(start.created),
      model_(start.model),
      settings_(std::move(settings)),
      messages_(std::move(messages)),
      store_(store) {}

void ResponseWriter::event(const char* type, const json& fields) {
  if (!out_) return;
  json data = {{"type", type}, {"sequence_number", sequence_++}};
  data.update(fields);
  *out_ += std::format("event: {}\ndata: {}\n\n", type, dump(data));
}

void ResponseWriter::item_event(const char* type, const json& fields) {
  json place = {{"item_id", items_.back().id}, {"output_index", items_.size() - 1}};
  if (items_.back().kind != Kind::call) place["content_index"] = 0;
  place.update(fields);
  event(type, place);
}

void ResponseWriter::open(OutputItem item) {
  close();
  const char* prefix = item.kind == Kind::message ? "msg" : item.kind == Kind::reasoning ? "rs" : "fc";
  item.id = std::format("{}_{}_{}", prefix, id_, items_.size());
  if (item.kind == Kind::call && item.call_id.empty()) item.call_id = std::format("call_{}_{}", id_, items_.size());
  items_.push_back(std::move(item));
  open_ = true;
  event("response.output_item.added",
        {{"output_index", items_.size() - 1}, {"item", item_json(items_.back(), "in_progress")}});
  if (items_.back().kind != Kind::call) item_event("response.content_part.added", {{"part", part_json(items_.back())}});
}

void ResponseWriter::close() {
  if (!std::exchange(open_, false)) return;
  const OutputItem& item = items_.back();
  switch (item.kind) {
    case Kind::message:
      item_event("response.output_text.done", {{"text", item.text}, {"logprobs", json::array()}});
      break;
    case Kind::reasoning: item_event("response.reasoning_text.done", {{"text", item.text}}); break;
    case Kind::call:
      item_event("response.function_call_arguments.done", {{"name", item.name}, {"arguments", item.text}});
      break;
  }
  if (item.kind != Kind::call) item_event("response.content_part.done", {{"part", part_json(item)}});
  event("response.output_item.done", {{"output_index", items_.size() - 1}, {"item", item_json(item, "completed")}});
}

void ResponseWriter::add(const model::AnswerPiece& piece) {
  if (piece.kind == Piece::call) {
    return open({.kind = Kind::call, .id = "", .call_id = piece.call_id, .name = piece.text});
  }
  if (piece.text.empty()) return;
  const Kind kind = piece.kind == Piece::text        ? Kind::message
                    : piece.kind == Piece::reasoning ? Kind::reasoning
                                                     : Kind::call;
  if (!open_ || items_.back().kind != kind) {
    if (kind == Kind::call) return;
    open({.kind = kind, .id = ""});
  }
  items_.back().text += piece.text;
  switch (kind) {
    case Kind::message:
      return item_event("response.output_text.delta", {{"delta", piece.text}, {"logprobs", json::array()}});
    case Kind::reasoning: return item_event("response.reasoning_text.delta", {{"delta", piece.text}});
    case Kind::call: return item_event("response.function_call_arguments.delta", {{"delta", piece.text}});
  }
}

void ResponseWriter::read(const Delivery& delivery) {
  if (delivery.prompt_tokens) {
    prompt_tokens_ = *delivery.prompt_tokens;
    event("response.created", {{"response", response("in_progress")}});
    event("response.in_progress", {{"response", response("in_progress")}});
  }
  for (const AnswerUpdate& update : delivery.updates) {
    for (const model::AnswerPiece& piece : update.pieces) add(piece);
    if (update.end) end_ = update.end;
  }
  if (delivery.ended && !delivery.error) finish();
}

void ResponseWriter::finish() {
  close();
  if (store_) {
    messages_.push_back(to_message(items_));
    store_->put("resp_" + id_, {.messages = std::move(messages_), .body = dump(response(status()))});
  }
  event(status() == std::string_view("completed") ? "response.completed" : "response.incomplete",
        {{"response", response(status())}});
}

const char* ResponseWriter::status() const {
  const bool cut =
      end_ && (end_->reason == engine::FinishReason::length || end_->reason == engine::FinishReason::context_full);
  return cut ? "incomplete" : "completed";
}

ResponseWriter::json ResponseWriter::usage() const {
  const uint32_t output = end_ ? end_->answer_tokens : 0;
  json out = {{"input_tokens", prompt_tokens_},
              {"input_tokens_details", {{"cached_tokens", end_ ? end_->prompt_reused : 0}}},
              {"output_tokens", output},
              {"total_tokens", prompt_tokens_ + output}};
  // Which tokens were reasoning is not known.
  const bool reasoned =
      std::ranges::any_of(items_, [](const OutputItem& item) { return item.kind == Kind::reasoning; });
  if (!reasoned) out["output_tokens_details"] = {{"reasoning_tokens", 0}};
  return out;
}

ResponseWriter::json ResponseWriter::response(const char* status) const {
  json output = json::array();
  for (const OutputItem& item : items_) output.push_back(item_json(item, "completed"));
  const bool incomplete = status == std::string_view("incomplete");
  json out = {{"id", "resp_" + id_},
              {"object", "response"},
              {"created_at", created_},
              {"status", status},
              {"error", nullptr},
              {"incomplete_details", incomplete ? json{{"reason", "max_output_tokens"}} : json()},
              {"model", model_},
              {"output", std::move(output)},
              {"usage", end_ ? usage() : json()}};
  out.update(settings_);
  return out;
}

std::string ResponseWriter::events(Delivery delivery) {
  std::string out;
  out_ = &out;
  read(delivery);
  if (delivery.error) {
    const ApiError error = to_api_error(*delivery.error);
    json failed = response("failed");
    failed["error"] = {{"code", "server_error"}, {"message", error.message}};
    event("response.failed", {{"response", std::move(failed)}});
  }
  out_ = nullptr;
  return out;
}

void ResponseWriter::collect(Delivery delivery) { read(delivery); }

std::string ResponseWriter::whole() const { return dump(response(status())); }

}  // namespace exogpu::api::responses
