#include "api/generation/conversation.h"

#include <algorithm>

namespace exogpu::api {

using json = nlohmann::ordered_json;

namespace {

json to_json(const ToolCall& call) {
  json out = json::object();
  if (!call.id.empty()) out["id"] = call.id;
  out["type"] = "function";
  out["function"] = {{"name", call.name}, {"arguments", call.arguments}};
  return out;
}

json to_json(const Message& message) {
  json out = {{"role", message.role}, {"content", message.text}};
  if (!message.reasoning.empty()) out["reasoning_content"] = message.reasoning;
  for (const ToolCall& call : message.calls) out["tool_calls"].push_back(to_json(call));
  if (!message.call_id.empty()) out["tool_call_id"] = message.call_id;
  if (!message.name.empty()) out["name"] = message.name;
  for (const auto& [key, value] : message.more.items()) {
    if (!out.contains(key)) out[key] = value;
  }
  return out;
}

}  // namespace

Tool Tool::function(std::string name, const std::string& description, json parameters) {
  json definition = {{"type", "function"}, {"function", {{"name", name}}}};
  json& function = definition["function"];
  if (!description.empty()) function["description"] = description;
  if (!parameters.is_null()) function["parameters"] = std::move(parameters);
  return {.name = std::move(name), .definition = std::move(definition)};
}

Parsed<std::vector<Tool>> read_tool_list(const Fields& fields,
                                         Parsed<Tool> (*read)(const json& given, const std::string& path)) {
  std::vector<Tool> tools;
  const json* list = fields.find("tools");
  if (!list) return tools;
  if (!list->is_array()) return bad_field("tools", "invalid_type", "must be an array, and is {}", kind(*list));
  for (size_t i = 0; i < list->size(); ++i) {
    EXO_TRY(Tool tool, read((*list)[i], std::format("tools[{}]", i)));
    tools.push_back(std::move(tool));
  }
  return tools;
}

Parsed<void> check_tool_choice(const Conversation& conversation) {
  const ToolChoice& choice = conversation.tool_choice;
  const bool named = choice.kind == ToolChoice::Kind::named;
  if (!named && choice.kind != ToolChoice::Kind::required) return {};
  if (conversation.tools.empty()) {
    return bad_field("tool_choice", "invalid_value", "requires a tool call, and the request has no tools");
  }
  if (named && !std::ranges::contains(conversation.tools, choice.name, &Tool::name)) {
    return bad_field("tool_choice", "invalid_value", "names \"{}\", which is none of the tools",
                     choice.name.substr(0, 64));
  }
  return {};
}

model::ChatRequest to_prompt(const Conversation& conversation) {
  model::ChatRequest prompt;
  json messages = json::array();
  for (const Message& message : conversation.messages) messages.push_back(to_json(message));
  prompt.messages_json = dump(messages);
  if (!conversation.tools.empty() && conversation.tool_choice.kind != ToolChoice::Kind::none) {
    json tools = json::array();
    for (const Tool& tool : conversation.tools) tools.push_back(tool.definition);
    prompt.tools_json = dump(tools);
  }
  if (const Message& last = conversation.messages.back();
      conversation.continue_final_message && last.role == "assistant" && last.calls.empty()) {
    prompt.answer_so_far = last.text;
  }
  const bool named = conversation.tool_choice.kind == ToolChoice::Kind::named;
  prompt.must_call = named || conversation.tool_choice.kind == ToolChoice::Kind::required;
  if (named) prompt.must_call_name = conversation.tool_choice.name;
  if (named || !conversation.parallel_tool_calls) prompt.calls_max = 1;
  if (!conversation.template_variables.empty()) prompt.extra_json = dump(conversation.template_variables);
  return prompt;
}

}  // namespace exogpu::api
