#include "api/generation/shortening.h"
#include "api/ollama/answer_lines.h"
#include "api/ollama/calls.h"

namespace exogpu::api::ollama {

using json = nlohmann::ordered_json;

namespace {

Parsed<std::vector<ToolCall>> read_calls(const Fields& message) {
  std::vector<ToolCall> calls;
  const json* list = message.find("tool_calls");
  if (!list) return calls;
  const std::string path = message.name("tool_calls");
  if (!list->is_array()) return bad_field(path, "invalid_type", "must be an array, and is {}", kind(*list));
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string name = std::format("{}[{}].function", path, i);
    const json* function = (*list)[i].is_object() ? Fields((*list)[i]).find("function") : nullptr;
    if (!function || !function->is_object()) {
      return bad_field(name, "invalid_type", "must be an object with a name and arguments");
    }
    const Fields fields(*function, name + ".");
    EXO_TRY(auto called, fields.text("name"));
    if (!called) return bad_field(fields.name("name"), "missing_required_parameter", "is missing");
    const json* arguments = fields.find("arguments");
    if (arguments && !arguments->is_object() && !is_empty_array(*arguments)) {
      return bad_field(fields.name("arguments"), "invalid_type", "must be an object, and is {}", kind(*arguments));
    }
    EXO_TRY(auto id, Fields((*list)[i], std::format("{}[{}].", path, i)).text("id"));
    calls.push_back({.id = std::move(id).value_or(""),
                     .name = *std::move(called),
                     .arguments = arguments && arguments->is_object() ? dump(*arguments) : "{}"});
  }
  return calls;
}

Parsed<Message> read_message(const json& given, const std::string& path) {
  if (!given.is_object()) return bad_field(path, "invalid_type", "must be an object, and is {}", kind(given));
  const Fields fields(given, path + ".");
  EXO_TRY(auto role, fields.text("role"));
  if (!role || role->empty()) {
    return bad_field(fields.name("role"), "missing_required_parameter", "is missing; say who speaks, such as \"user\"");
  }
  if (const json* images = fields.find("images"); images && !images->empty()) {
    return bad_field(fields.name("images"), "unsupported_parameter",
                     "is not supported; the models here read text only");
  }
  EXO_TRY(auto content, fields.text("content"));
  EXO_TRY(auto thinking, fields.text("thinking"));
  EXO_TRY(auto calls, read_calls(fields));
  EXO_TRY(auto tool, fields.text("tool_name"));
  EXO_TRY(auto call_id, fields.text("tool_call_id"));
  return Message{.role = *std::move(role),
                 .text = std::move(content).value_or(""),
                 .reasoning = std::move(thinking).value_or(""),
                 .calls = std::move(calls),
                 .call_id = std::move(call_id).value_or(""),
                 .name = std::move(tool).value_or("")};
}

Parsed<Tool> read_tool(const json& given, const std::string& path) {
  const std::string name = path + ".function";
  const json* function = given.is_object() ? Fields(given).find("function") : nullptr;
  if (!function || !function->is_object()) {
    return bad_field(name, "invalid_type", "must be an object with the function's name and parameters");
  }
  EXO_TRY(auto called, Fields(*function, name + ".").text("name"));
  if (!called || called->empty()) return bad_field(name + ".name", "missing_required_parameter", "is missing");
  return Tool{.name = *std::move(called), .definition = given};
}

}  // namespace

Parsed<std::vector<Message>> read_messages(const Fields& fields) {
  const json* list = fields.find("messages");
  std::vector<Message> messages;
  if (!list) return messages;
  if (!list->is_array()) return bad_field("messages", "invalid_type", "must be an array, and is {}", kind(*list));
  for (size_t i = 0; i < list->size(); ++i) {
    EXO_TRY(Message message, read_message((*list)[i], std::format("messages[{}]", i)));
    messages.push_back(std::move(message));
  }
  return messages;
}

Parsed<Action> chat(const Exchange& exchange) {
  EXO_TRY(const json body, parse_object(exchange.body, exchange.limits.json));
  const Fields fields(body);
  TextCall call;
  EXO_CHECK(read_common(fields, exchange, call));
  Conversation conversation;
  EXO_TRY(conversation.messages, ollama::read_messages(fields));
  if (conversation.messages.empty()) return only_load(fields, exchange, AnswerForm::chat);
  EXO_TRY(conversation.tools, read_tool_list(fields, read_tool));
  EXO_CHECK(read_think(fields, conversation));
  call.generations.front().prompt = to_prompt(conversation);
  EXO_TRY(const bool truncates, read_truncation(fields, exchange.limits));
  if (truncates) call.generations.front().shortening = shortening(std::move(conversation));
  call.writer = [](const AnswerStart& start) { return std::make_unique<AnswerLines>(AnswerForm::chat, start.model); };
  return call;
}

}  // namespace exogpu::api::ollama
