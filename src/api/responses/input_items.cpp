#include "api/responses/create.h"

namespace exogpu::api::responses {

using json = nlohmann::ordered_json;

namespace {

Parsed<std::string> required(const Fields& fields, const char* name) {
  EXO_TRY(auto text, fields.text(name));
  if (!text) return bad_field(fields.name(name), "missing_required_parameter", "is missing");
  return *std::move(text);
}

Parsed<std::string> read_part(const json& given, const std::string& path) {
  if (!given.is_object()) return bad_field(path, "invalid_type", "must be an object, and is {}", kind(given));
  const Fields part(given, path + ".");
  EXO_TRY(const std::string type, required(part, "type"));
  if (type == "refusal") return required(part, "refusal");
  if (type == "input_text" || type == "output_text" || type == "text" || type == "reasoning_text" ||
      type == "summary_text") {
    return required(part, "text");
  }
  return bad_field(part.name("type"), "invalid_value", "\"{}\" is not supported; the models here read text only",
                   type.substr(0, 40));
}

// A text, or parts of text; empty if absent.
Parsed<std::string> read_text(const Fields& fields, const char* name) {
  const json* value = fields.find(name);
  if (!value) return std::string();
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_array()) {
    return bad_field(fields.name(name), "invalid_type", "must be a string or an array of parts, and is {}",
                     kind(*value));
  }
  std::string joined;
  for (size_t i = 0; i < value->size(); ++i) {
    EXO_TRY(const std::string text, read_part((*value)[i], std::format("{}[{}]", fields.name(name), i)));
    joined += text;
  }
  return joined;
}

// Joins what one answer wrote: its reasoning, text and calls are items of their own, and one message.
class ItemReader {
 public:
  Parsed<void> add(const json& given, const std::string& path) {
    if (!given.is_object()) return bad_field(path, "invalid_type", "must be an object, and is {}", kind(given));
    const Fields item(given, path + ".");
    EXO_TRY(const auto type, item.text("type"));
    const std::string name = type.value_or("message");
    if (name == "message") return add_message(item);
    if (name == "function_call") return add_call(item);
    if (name == "function_call_output") return add_result(item);
    if (name == "reasoning") return add_reasoning(item);
    return bad_field(item.name("type"), "unsupported_value",
                     "\"{}\" is not supported; give messages, function calls and their outputs", name.substr(0, 40));
  }
  std::vector<Message> take() { return std::move(messages_); }

 private:
  // The assistant's message to which more can be added.
  Message& answer() {
    if (messages_.empty() || messages_.back().role != "assistant")
      messages_.push_back({.role = "assistant", .text = ""});
    return messages_.back();
  }

  Parsed<void> add_message(const Fields& item) {
    EXO_TRY(std::string role, required(item, "role"));
    EXO_TRY(std::string text, read_text(item, "content"));
    if (role == "developer") role = "system";
    if (role == "assistant" && !messages_.empty() && messages_.back().role == role && messages_.back().text.empty()) {
      messages_.back().text = std::move(text);
    } else {
      messages_.push_back({.role = std::move(role), .text = std::move(text)});
    }
    return {};
  }
  Parsed<void> add_call(const Fields& item) {
    EXO_TRY(std::string id, required(item, "call_id"));
    EXO_TRY(std::string name, required(item, "name"));
    EXO_TRY(std::string arguments, required(item, "arguments"));
    if (arguments.empty()) arguments = "{}";
    answer().calls.push_back({.id = std::move(id), .name = std::move(name), .arguments = std::move(arguments)});
    return {};
  }
  Parsed<void> add_result(const Fields& item) {
    EXO_TRY(std::string id, required(item, "call_id"));
    EXO_TRY(std::string text, read_text(item, "output"));
    Message result{.role = "tool", .text = std::move(text), .call_id = id};
    for (const Message& message : messages_) {
      for (const ToolCall& call : message.calls) {
        if (call.id == id) result.name = call.name;
      }
    }
    messages_.push_back(std::move(result));
    return {};
  }
  Parsed<void> add_reasoning(const Fields& item) {
    EXO_TRY(std::string text, read_text(item, "content"));
    if (text.empty()) {
      EXO_TRY(text, read_text(item, "summary"));
    }
    messages_.push_back({.role = "assistant", .text = "", .reasoning = std::move(text)});
    return {};
  }

  std::vector<Message> messages_;
};

}  // namespace

Parsed<std::vector<Message>> read_input(const Fields& fields) {
  const json* input = fields.find("input");
  if (!input) return bad_field("input", "missing_required_parameter", "is missing; give a text or items");
  if (input->is_string()) return std::vector<Message>{{.role = "user", .text = input->get<std::string>()}};
  if (!input->is_array() || input->empty()) {
    return bad_field("input", "invalid_type", "must be a string or an array of items, and is {}",
                     input->is_array() ? "an empty array" : kind(*input));
  }
  ItemReader reader;
  for (size_t i = 0; i < input->size(); ++i) EXO_CHECK(reader.add((*input)[i], std::format("input[{}]", i)));
  return reader.take();
}

}  // namespace exogpu::api::responses
