#include "api/call.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

// Templates know strings; an array of text parts becomes one.
Parsed<std::string> join_parts(const json& parts, const std::string& path) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string name = std::format("{}[{}]", path, i);
    if (!parts[i].is_object()) return bad_field(name, "invalid_type", "must be an object, and is {}", kind(parts[i]));
    const Fields part(parts[i], name + ".");
    EXO_TRY(const auto type, part.text("type"));
    if (type.value_or("") != "text") {
      return bad_field(part.name("type"), "invalid_value",
                       "must be \"text\", and is {}; the models here read text only",
                       type ? "\"" + type->substr(0, 40) + "\"" : "missing");
    }
    EXO_TRY(const auto piece, part.text("text"));
    if (!piece) return bad_field(part.name("text"), "missing_required_parameter", "is missing");
    text += *piece;
  }
  return text;
}

Parsed<json> read_message(const json& given, const std::string& path) {
  if (!given.is_object()) return bad_field(path, "invalid_type", "must be an object, and is {}", kind(given));
  const Fields fields(given, path + ".");
  EXO_TRY(const auto role, fields.text("role"));
  if (!role || role->empty()) {
    return bad_field(fields.name("role"), "missing_required_parameter", "is missing; say who speaks, such as \"user\"");
  }
  if (role->size() > 64) return bad_field(fields.name("role"), "invalid_value", "is longer than 64 bytes");
  json message = given;
  if (*role == "developer") message["role"] = "system";  // the newer word for the same; templates know the older

  const json* content = fields.find("content");
  const json* calls = fields.find("tool_calls");
  if (calls && !calls->is_array()) {
    return bad_field(fields.name("tool_calls"), "invalid_type", "must be an array, and is {}", kind(*calls));
  }
  if (!content) {
    if (*role != "assistant") {
      return bad_field(fields.name("content"), "missing_required_parameter", "{}",
                       given.contains("content") ? "is null; give a text" : "is missing");
    }
    message["content"] = "";  // templates add it to text
  } else if (content->is_array()) {
    EXO_TRY(message["content"], join_parts(*content, fields.name("content")));
  } else if (!content->is_string()) {
    return bad_field(fields.name("content"), "invalid_type", "must be a string or an array of parts, and is {}",
                     kind(*content));
  }
  return message;
}

}  // namespace

Parsed<json> read_messages(const Fields& fields) {
  const json* value = fields.find("messages");
  if (!value) return bad_field("messages", "missing_required_parameter", "is missing; give the conversation so far");
  if (!value->is_array()) return bad_field("messages", "invalid_type", "must be an array, and is {}", kind(*value));
  if (value->empty()) return bad_field("messages", "invalid_value", "is empty; give at least one message");
  json messages = json::array();
  for (size_t i = 0; i < value->size(); ++i) {
    EXO_TRY(json message, read_message((*value)[i], std::format("messages[{}]", i)));
    messages.push_back(std::move(message));
  }
  return messages;
}

Parsed<std::string> read_tools(const Fields& fields) {
  const json* value = fields.find("tools");
  if (value && !value->is_array()) {
    return bad_field("tools", "invalid_type", "must be an array, and is {}", kind(*value));
  }
  for (size_t i = 0; value && i < value->size(); ++i) {
    const std::string name = std::format("tools[{}]", i);
    const json& tool = (*value)[i];
    if (!tool.is_object()) return bad_field(name, "invalid_type", "must be an object, and is {}", kind(tool));
    const json* function = Fields(tool).find("function");
    if (!function || !function->is_object()) {
      return bad_field(name + ".function", "invalid_type", "must be an object with the function's name and parameters");
    }
    EXO_TRY(const auto called, Fields(*function, name + ".function.").text("name"));
    if (!called || called->empty()) {
      return bad_field(name + ".function.name", "missing_required_parameter", "is missing");
    }
  }
  if (const json* choice = fields.find("tool_choice")) {
    if (*choice == json("none")) return std::string();
    if (*choice != json("auto")) {
      return bad_field("tool_choice", "unsupported_value", "only \"auto\" and \"none\" are supported");
    }
  }
  return value && !value->empty() ? value->dump() : std::string();
}

}  // namespace exogpu::api
