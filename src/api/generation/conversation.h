// The neutral form of a chat: what every surface reads its requests into, before the model's template renders it.
//
// A surface translates its own JSON into a Conversation and calls to_prompt(); what comes back from the node arrives as
// model::AnswerPiece (mailbox.h), which it translates into its own JSON again. Nothing here knows any surface.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/json/api_error.h"
#include "api/json/json_body.h"
#include "node/service.h"

namespace exogpu::api {

struct ToolCall {
  std::string id;         // names the call in the tool's result; may be empty
  std::string name;       // of the tool
  std::string arguments;  // JSON text of an object
};

struct Message {
  std::string role;            // "system", "user", "assistant", "tool", or another one that the template may know
  std::string text;            // the parts of a content joined; empty where a surface has null or nothing
  std::string reasoning = {};  // of "assistant": what it thought; shown by templates that know `reasoning_content`
  std::vector<ToolCall> calls = {};  // of "assistant", in order
  std::string call_id = {};          // of "tool": the call that this is the result of
  std::string name = {};             // of "tool": the tool's name; of others: the speaker's. May be empty
  // Further fields for the template, unchanged; those above take precedence.
  nlohmann::ordered_json more = nlohmann::ordered_json::object();
};

struct Tool {
  std::string name;
  // {"type":"function","function":{"name":...,"description":...,"parameters":SCHEMA}}, with the client's order of keys:
  // templates show it to the model in that order.
  nlohmann::ordered_json definition;

  // `parameters`: a JSON schema, or null for a tool without arguments.
  static Tool function(std::string name, const std::string& description, nlohmann::ordered_json parameters);
};

struct ToolChoice {
  enum class Kind { automatic, none, required, named };  // required: at least one call of any tool
  Kind kind = Kind::automatic;
  std::string name = {};  // of `named`
};

struct Conversation {
  std::vector<Message> messages;  // at least one
  std::vector<Tool> tools = {};
  ToolChoice tool_choice = {};
  bool parallel_tool_calls = true;  // false: at most one call in an answer
  // If the last message is an assistant's text, the answer continues it instead of beginning a turn.
  bool continue_final_message = true;
  // Further variables of the template: {"enable_thinking": false, "reasoning_effort": "low"}.
  nlohmann::ordered_json template_variables = nlohmann::ordered_json::object();
};

// The array "tools", empty if there is none. `read` reads one of them in the form of its surface; `path` names it in
// errors: "tools[2]".
Parsed<std::vector<Tool>> read_tool_list(const Fields& fields, Parsed<Tool> (*read)(const nlohmann::ordered_json& given,
                                                                                    const std::string& path));

// Whether the choice of tools can be obeyed: a named tool is one of `tools`; some tool is there if one is required.
// Errors name the field "tool_choice". Each surface asks before to_prompt().
Parsed<void> check_tool_choice(const Conversation& conversation);

// What the node renders and answers; to be put into GenerationRequest::prompt. Tools are left out if tool_choice is
// `none`.
model::ChatRequest to_prompt(const Conversation& conversation);

}  // namespace exogpu::api
