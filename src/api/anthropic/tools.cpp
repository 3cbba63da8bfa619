#include "api/anthropic/messages_call.h"

namespace exogpu::api::anthropic {

using json = nlohmann::ordered_json;

namespace {

Parsed<Tool> read_tool(const json& given, const std::string& path) {
  if (!given.is_object()) return bad_field(path, "invalid_type", "must be an object, and is {}", kind(given));
  const Fields fields(given, path + ".");
  EXO_TRY(const auto type, fields.text("type"));
  if (type && *type != "custom") {
    return bad_field(fields.name("type"), "unsupported_value",
                     "\"{}\" is run by Anthropic's servers and not supported here; give a tool with an input_schema",
                     type->substr(0, 40));
  }
  EXO_TRY(auto name, fields.text("name"));
  if (!name || name->empty()) return bad_field(fields.name("name"), "missing_required_parameter", "is missing");
  EXO_TRY(const auto description, fields.text("description"));
  const json* schema = fields.find("input_schema");
  if (!schema || !schema->is_object()) {
    return bad_field(fields.name("input_schema"), "invalid_type", "must be an object, and is {}",
                     schema ? kind(*schema) : "missing");
  }
  return Tool::function(*std::move(name), description.value_or(""), *schema);
}

Parsed<ToolChoice> read_choice(const Fields& fields) {
  using Kind = ToolChoice::Kind;
  EXO_TRY(const auto type, fields.text("type"));
  if (type == "auto") return ToolChoice{};
  if (type == "none") return ToolChoice{.kind = Kind::none};
  if (type == "any") return ToolChoice{.kind = Kind::required};
  if (type != "tool") {
    return bad_field(fields.name("type"), "invalid_value", "must be \"auto\", \"any\", \"tool\" or \"none\"");
  }
  EXO_TRY(auto name, fields.text("name"));
  if (!name) return bad_field(fields.name("name"), "missing_required_parameter", "is missing");
  return ToolChoice{.kind = Kind::named, .name = *std::move(name)};
}

}  // namespace

Parsed<void> read_tools(const Fields& fields, Conversation& conversation) {
  EXO_TRY(conversation.tools, read_tool_list(fields, read_tool));
  const json* choice = fields.find("tool_choice");
  if (!choice || is_empty_array(*choice)) return {};
  if (!choice->is_object()) {
    return bad_field("tool_choice", "invalid_type", "must be an object, and is {}", kind(*choice));
  }
  const Fields chosen(*choice, "tool_choice.");
  EXO_TRY(conversation.tool_choice, read_choice(chosen));
  EXO_TRY(const auto one, chosen.boolean("disable_parallel_tool_use"));
  conversation.parallel_tool_calls = !one.value_or(false);
  return check_tool_choice(conversation);
}

}  // namespace exogpu::api::anthropic
