#include "api/openai/call.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

// Templates know strings; an array of parts becomes one.
Parsed<std::string> join_parts(const json& parts, const std::string& path) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string name = std::format("{}[{}]", path, i);
    if (parts[i].is_string()) {
      text += parts[i].get_ref<const std::string&>();
      continue;
    }
    if (!parts[i].is_object()) return bad_field(name, "invalid_type", "must be an object, and is {}", kind(parts[i]));
    const Fields part(parts[i], name + ".");
    EXO_TRY(const auto type, part.text("type"));
    const bool refusal = type == "refusal";
    if (type != "text" && !refusal) {
      return bad_field(part.name("type"), "invalid_value",
                       "must be \"text\", and is {}; the models here read text only",
                       type ? "\"" + type->substr(0, 40) + "\"" : "missing");
    }
    EXO_TRY(const auto piece, part.text(refusal ? "refusal" : "text"));
    if (!piece) return bad_field(part.name(*type), "missing_required_parameter", "is missing");
    text += *piece;
  }
  return text;
}

Parsed<std::string> read_content(const Fields& fields, bool may_be_absent) {
  const json* content = fields.find("content");
  if (!content) {
    if (may_be_absent) return std::string();
    return bad_field(fields.name("content"), "missing_required_parameter", "is missing or null; give a text");
  }
  if (content->is_array()) return join_parts(*content, fields.name("content"));
  if (content->is_string()) return content->get<std::string>();
  return bad_field(fields.name("content"), "invalid_type", "must be a string or an array of parts, and is {}",
                   kind(*content));
}

// {"name", "arguments"}: arguments are the JSON text of an object, and come as an object from some clients.
Parsed<ToolCall> read_function(const Fields& function, std::string id) {
  EXO_TRY(const auto name, function.text("name"));
  if (!name || name->empty()) {
    return bad_field(function.name("name"), "missing_required_parameter", "is missing; name the tool that was called");
  }
  ToolCall call{.id = std::move(id), .name = *name, .arguments = "{}"};
  const json* arguments = function.find("arguments");
  if (!arguments) return call;
  if (arguments->is_object()) {
    call.arguments = dump(*arguments);
  } else if (!arguments->is_string()) {
    return bad_field(function.name("arguments"), "invalid_type", "must be a string of JSON, and is {}",
                     kind(*arguments));
  } else if (!arguments->get_ref<const std::string&>().empty()) {
    call.arguments = arguments->get<std::string>();
  }
  return call;
}

Parsed<ToolCall> read_call(const json& given, const std::string& path) {
  if (!given.is_object()) return bad_field(path, "invalid_type", "must be an object, and is {}", kind(given));
  const Fields fields(given, path + ".");
  EXO_TRY(const auto type, fields.text("type"));
  if (type && *type != "function") {
    return bad_field(fields.name("type"), "invalid_value", "must be \"function\", and is \"{}\"", type->substr(0, 40));
  }
  EXO_TRY(auto id, fields.text("id"));
  const json* function = fields.find("function");
  if (!function || !function->is_object()) {
    return bad_field(fields.name("function"), "invalid_type", "must be an object with the name and the arguments");
  }
  return read_function(Fields(*function, fields.name("function.")), std::move(id).value_or(""));
}

Parsed<std::vector<ToolCall>> read_calls(const Fields& fields) {
  std::vector<ToolCall> calls;
  if (const json* given = fields.find("tool_calls")) {
    const std::string path = fields.name("tool_calls");
    if (!given->is_array()) return bad_field(path, "invalid_type", "must be an array, and is {}", kind(*given));
    for (size_t i = 0; i < given->size(); ++i) {
      EXO_TRY(auto call, read_call((*given)[i], std::format("{}[{}]", path, i)));
      calls.push_back(std::move(call));
    }
  }
  // The older form, of one call without an id.
  if (const json* given = fields.find("function_call"); given && calls.empty()) {
    if (!given->is_object()) {
      return bad_field(fields.name("function_call"), "invalid_type", "must be an object, and is {}", kind(*given));
    }
    EXO_TRY(auto call, read_function(Fields(*given, fields.name("function_call.")), ""));
    calls.push_back(std::move(call));
  }
  return calls;
}

Parsed<std::string> read_role(const Fields& fields) {
  EXO_TRY(const auto role, fields.text("role"));
  if (!role || role->empty()) {
    return bad_field(fields.name("role"), "missing_required_parameter", "is missing; say who speaks, such as \"user\"");
  }
  if (role->size() > 64) return bad_field(fields.name("role"), "invalid_value", "is longer than 64 bytes");
  if (*role == "developer") return std::string("system");  // the newer word for the same; templates know the older
  if (*role == "function") return std::string("tool");     // and here the older for the newer
  return *role;
}

Parsed<Message> read_message(const json& given, const std::string& path) {
  if (!given.is_object()) return bad_field(path, "invalid_type", "must be an object, and is {}", kind(given));
  const Fields fields(given, path + ".");
  Message message;
  EXO_TRY(message.role, read_role(fields));
  EXO_TRY(message.calls, read_calls(fields));
  const bool may_be_empty = message.role == "assistant" || message.role == "tool";
  EXO_TRY(message.text, read_content(fields, may_be_empty));
  if (message.role == "assistant") {
    EXO_TRY(const auto refusal, fields.text("refusal"));
    if (refusal && message.text.empty()) message.text = *refusal;
    for (const char* name : {"reasoning_content", "reasoning"}) {
      EXO_TRY(auto reasoning, fields.text(name));
      if (reasoning) message.reasoning = *std::move(reasoning);
    }
  }
  EXO_TRY(auto call_id, fields.text("tool_call_id"));
  message.call_id = std::move(call_id).value_or("");
  EXO_TRY(auto name, fields.text("name"));
  message.name = std::move(name).value_or("");
  for (const auto& [key, value] : given.items()) {
    constexpr std::string_view kRead[] = {"role",          "content",      "tool_calls",
                                          "function_call", "refusal",      "reasoning_content",
                                          "reasoning",     "tool_call_id", "name"};
    if (!std::ranges::contains(kRead, key)) message.more[key] = value;
  }
  return message;
}

Parsed<Tool> read_tool(const json& tool, const std::string& path) {
  if (!tool.is_object()) return bad_field(path, "invalid_type", "must be an object, and is {}", kind(tool));
  const json* function = Fields(tool).find("function");
  if (!function || !function->is_object()) {
    return bad_field(path + ".function", "invalid_type", "must be an object with the function's name and parameters");
  }
  EXO_TRY(const auto name, Fields(*function, path + ".function.").text("name"));
  if (!name || name->empty()) return bad_field(path + ".function.name", "missing_required_parameter", "is missing");
  return Tool{.name = *name, .definition = tool};
}

// "auto", "none", "required", or {"type": "function", "function": {"name": NAME}}.
Parsed<ToolChoice> read_choice(const json& choice) {
  using Kind = ToolChoice::Kind;
  if (choice == json("auto")) return ToolChoice{};
  if (choice == json("none")) return ToolChoice{.kind = Kind::none};
  if (choice == json("required")) return ToolChoice{.kind = Kind::required};
  if (!choice.is_object()) {
    return bad_field("tool_choice", "invalid_value",
                     "must be \"auto\", \"none\", \"required\" or an object that names a function");
  }
  const json* function = Fields(choice).find("function");
  if (!function || !function->is_object()) {
    return bad_field("tool_choice.function", "invalid_type", "must be an object with the function's name");
  }
  EXO_TRY(auto name, Fields(*function, "tool_choice.function.").text("name"));
  if (!name) return bad_field("tool_choice.function.name", "missing_required_parameter", "is missing");
  return ToolChoice{.kind = Kind::named, .name = *std::move(name)};
}

}  // namespace

Parsed<std::vector<Message>> read_messages(const Fields& fields) {
  const json* value = fields.find("messages");
  if (!value) return bad_field("messages", "missing_required_parameter", "is missing; give the conversation so far");
  if (!value->is_array()) return bad_field("messages", "invalid_type", "must be an array, and is {}", kind(*value));
  if (value->empty()) return bad_field("messages", "invalid_value", "is empty; give at least one message");
  std::vector<Message> messages;
  for (size_t i = 0; i < value->size(); ++i) {
    EXO_TRY(Message message, read_message((*value)[i], std::format("messages[{}]", i)));
    messages.push_back(std::move(message));
  }
  return messages;
}

Parsed<void> read_tools(const Fields& fields, Conversation& conversation) {
  EXO_TRY(conversation.tools, read_tool_list(fields, read_tool));
  EXO_TRY(const auto parallel, fields.boolean("parallel_tool_calls"));
  conversation.parallel_tool_calls = parallel.value_or(true);
  if (const json* choice = fields.find("tool_choice")) {
    EXO_TRY(conversation.tool_choice, read_choice(*choice));
  }
  return check_tool_choice(conversation);
}

}  // namespace exogpu::api
