#include <map>

#include "api/anthropic/messages_call.h"

namespace exogpu::api::anthropic {

using json = nlohmann::ordered_json;

namespace {

std::unexpected<ApiError> unsupported_block(const Fields& block, std::string_view type) {
  return bad_field(block.name("type"), "invalid_value", "\"{}\" is not supported; the models here read text only",
                   type.substr(0, 40));
}

Parsed<std::string> block_type(const json& block, const std::string& path) {
  if (!block.is_object()) return bad_field(path, "invalid_type", "must be an object, and is {}", kind(block));
  const Fields fields(block, path + ".");
  EXO_TRY(auto type, fields.text("type"));
  if (!type) return bad_field(fields.name("type"), "missing_required_parameter", "is missing");
  return *std::move(type);
}

Parsed<std::string> required(const Fields& fields, const char* name) {
  EXO_TRY(auto text, fields.text(name));
  if (!text) return bad_field(fields.name(name), "missing_required_parameter", "is missing");
  return *std::move(text);
}

// A text, or blocks of text alone; empty if absent.
Parsed<std::string> read_text(const Fields& fields, const char* name) {
  const json* value = fields.find(name);
  if (!value) return std::string();
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_array()) {
    return bad_field(fields.name(name), "invalid_type", "must be a string or an array of blocks, and is {}",
                     kind(*value));
  }
  std::string joined;
  for (size_t i = 0; i < value->size(); ++i) {
    const std::string path = std::format("{}[{}]", fields.name(name), i);
    EXO_TRY(const std::string type, block_type((*value)[i], path));
    const Fields block((*value)[i], path + ".");
    if (type != "text") return unsupported_block(block, type);
    EXO_TRY(const std::string text, required(block, "text"));
    if (!joined.empty()) joined += "\n";
    joined += text;
  }
  return joined;
}

// Reads the messages in order, since the result of a tool names its call by id alone.
class MessageReader {
 public:
  Parsed<void> add(const json& given, const std::string& path) {
    if (!given.is_object()) return bad_field(path, "invalid_type", "must be an object, and is {}", kind(given));
    const Fields fields(given, path + ".");
    EXO_TRY(const std::string role, required(fields, "role"));
    if (role != "user" && role != "assistant" && role != "system") {
      return bad_field(fields.name("role"), "invalid_value", "must be \"user\" or \"assistant\"");
    }
    const json* content = fields.find("content");
    if (!content || !content->is_array()) {
      EXO_TRY(std::string text, read_text(fields, "content"));
      messages_.push_back({.role = role, .text = std::move(text)});
      return {};
    }
    open_ = {.role = role, .text = ""};
    const size_t before = messages_.size();
    for (size_t i = 0; i < content->size(); ++i) {
      EXO_CHECK(add_block((*content)[i], std::format("{}[{}]", fields.name("content"), i)));
    }
    if (!is_empty(open_) || messages_.size() == before) messages_.push_back(std::move(open_));
    return {};
  }
  std::vector<Message> take() { return std::move(messages_); }

 private:
  static bool is_empty(const Message& message) {
    return message.text.empty() && message.reasoning.empty() && message.calls.empty();
  }

  Parsed<void> add_block(const json& given, const std::string& path) {
    EXO_TRY(const std::string type, block_type(given, path));
    const Fields block(given, path + ".");
    if (type == "text") {
      EXO_TRY(const std::string text, required(block, "text"));
      if (!open_.text.empty()) open_.text += "\n";
      open_.text += text;
      return {};
    }
    if (type == "tool_result") return add_result(block);
    if (type == "tool_use") return add_call(block);
    if (type == "redacted_thinking") return {};
    if (type != "thinking") return unsupported_block(block, type);
    EXO_TRY(open_.reasoning, required(block, "thinking"));
    return {};
  }

  Parsed<void> add_call(const Fields& block) {
    EXO_TRY(std::string id, required(block, "id"));
    EXO_TRY(std::string name, required(block, "name"));
    const json* input = block.find("input");
    if (input && !input->is_object() && !is_empty_array(*input)) {
      return bad_field(block.name("input"), "invalid_type", "must be an object, and is {}", kind(*input));
    }
    names_[id] = name;
    open_.calls.push_back(
        {.id = std::move(id), .name = std::move(name), .arguments = input && input->is_object() ? dump(*input) : "{}"});
    return {};
  }

  // A message of its own, before the texts that follow it.
  Parsed<void> add_result(const Fields& block) {
    EXO_TRY(std::string id, required(block, "tool_use_id"));
    EXO_TRY(std::string text, read_text(block, "content"));
    EXO_TRY(const auto failed, block.boolean("is_error"));
    if (failed.value_or(false)) text = "Error: " + text;
    if (!is_empty(open_)) messages_.push_back(std::exchange(open_, {.role = open_.role, .text = ""}));
    const auto name = names_.find(id);
    messages_.push_back({.role = "tool",
                         .text = std::move(text),
                         .call_id = std::move(id),
                         .name = name == names_.end() ? "" : name->second});
    return {};
  }

  std::vector<Message> messages_;
  Message open_{.role = "", .text = ""};
  std::map<std::string, std::string> names_;  // of the tools, by the ids of their calls
};

}  // namespace

Parsed<std::vector<Message>> read_messages(const Fields& fields) {
  const json* list = fields.find("messages");
  if (!list || !list->is_array() || list->empty()) {
    return bad_field("messages", "invalid_type", "must be an array of at least one message");
  }
  MessageReader reader;
  for (size_t i = 0; i < list->size(); ++i) EXO_CHECK(reader.add((*list)[i], std::format("messages[{}]", i)));
  std::vector<Message> messages = reader.take();
  EXO_TRY(std::string system, read_text(fields, "system"));
  if (!system.empty()) messages.insert(messages.begin(), {.role = "system", .text = std::move(system)});
  return messages;
}

}  // namespace exogpu::api::anthropic
