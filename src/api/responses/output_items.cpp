#include "api/responses/output_items.h"

namespace exogpu::api::responses {

using json = nlohmann::ordered_json;
using Kind = OutputItem::Kind;

json part_json(const OutputItem& item) {
  if (item.kind == Kind::reasoning) return {{"type", "reasoning_text"}, {"text", item.text}};
  return {{"type", "output_text"}, {"text", item.text}, {"annotations", json::array()}, {"logprobs", json::array()}};
}

json item_json(const OutputItem& item, const char* status) {
  const json parts = item.text.empty() ? json::array() : json::array({part_json(item)});
  switch (item.kind) {
    case Kind::message:
      return {{"type", "message"}, {"id", item.id}, {"status", status}, {"role", "assistant"}, {"content", parts}};
    case Kind::reasoning:
      return {{"type", "reasoning"},          {"id", item.id},   {"summary", json::array()}, {"content", parts},
              {"encrypted_content", nullptr}, {"status", status}};
    case Kind::call: break;
  }
  return {{"type", "function_call"}, {"id", item.id},          {"call_id", item.call_id},
          {"name", item.name},       {"arguments", item.text}, {"status", status}};
}

Message to_message(const std::vector<OutputItem>& items) {
  Message message{.role = "assistant", .text = ""};
  for (const OutputItem& item : items) {
    switch (item.kind) {
      case Kind::message: message.text += item.text; break;
      case Kind::reasoning: message.reasoning += item.text; break;
      case Kind::call: message.calls.push_back({.id = item.call_id, .name = item.name, .arguments = item.text}); break;
    }
  }
  return message;
}

}  // namespace exogpu::api::responses
