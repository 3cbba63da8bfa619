#include "api/responses/create.h"

namespace exogpu::api::responses {

using json = nlohmann::ordered_json;

namespace {

Parsed<Tool> read_tool(const json& given, const std::string& path) {
  if (!given.is_object()) return bad_field(path, "invalid_type", "must be an object, and is {}", kind(given));
  const Fields fields(given, path + ".");
  EXO_TRY(const auto type, fields.text("type"));
  if (type != "function") {
    return bad_field(fields.name("type"), "unsupported_value",
                     "must be \"function\", and is {}; others are run by OpenAI's servers",
                     type ? "\"" + type->substr(0, 40) + "\"" : "missing");
  }
  EXO_TRY(auto name, fields.text("name"));
  if (!name || name->empty()) return bad_field(fields.name("name"), "missing_required_parameter", "is missing");
  EXO_TRY(const auto description, fields.text("description"));
  const json* parameters = fields.find("parameters");
  if (parameters && !parameters->is_object() && !is_empty_array(*parameters)) {
    return bad_field(fields.name("parameters"), "invalid_type", "must be an object, and is {}", kind(*parameters));
  }
  return Tool::function(*std::move(name), description.value_or(""),
                        parameters && parameters->is_object() ? *parameters : json());
}

// "auto", "none", "required", or {"type": "function", "name": NAME}
Parsed<ToolChoice> read_choice(const json& choice) {
  using Kind = ToolChoice::Kind;
  if (choice == json("auto")) return ToolChoice{};
  if (choice == json("none")) return ToolChoice{.kind = Kind::none};
  if (choice == json("required")) return ToolChoice{.kind = Kind::required};
  if (!choice.is_object() || choice.value("type", json()) != json("function")) {
    return bad_field("tool_choice", "unsupported_value",
                     "must be \"auto\", \"none\", \"required\" or an object of type \"function\"");
  }
  EXO_TRY(auto name, Fields(choice, "tool_choice.").text("name"));
  if (!name) return bad_field("tool_choice.name", "missing_required_parameter", "is missing");
  return ToolChoice{.kind = Kind::named, .name = *std::move(name)};
}

}  // namespace

Parsed<void> read_tools(const Fields& fields, Conversation& conversation) {
  EXO_TRY(conversation.tools, read_tool_list(fields, read_tool));
  if (const json* choice = fields.find("tool_choice")) {
    EXO_TRY(conversation.tool_choice, read_choice(*choice));
  }
  EXO_TRY(const auto parallel, fields.boolean("parallel_tool_calls"));
  conversation.parallel_tool_calls = parallel.value_or(true);
  return check_tool_choice(conversation);
}

}  // namespace exogpu::api::responses
