#include "model/answer/forced_calls.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace exogpu::model {
namespace {

using Json = nlohmann::ordered_json;

// Around the arguments of a call; NAME stands for the tool's.
struct Wrapper {
  std::string_view mark;  // by which a form has this wrapper
  std::string_view begin, end, separator;
};

constexpr Wrapper kWrappers[] = {
    {"<tool_call>", "<tool_call>\n{\"name\": \"NAME\", \"arguments\": ", "}\n</tool_call>", "\n"},
    {"[TOOL_CALLS]", "[TOOL_CALLS][{\"name\": \"NAME\", \"arguments\": ", "}]", ""},
    {"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>NAME\n```json\n",
     "\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", ""},
    {"<|tool_calls_section_begin|>",
     "<|tool_calls_section_begin|><|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>",
     "<|tool_call_end|><|tool_calls_section_end|>", ""},
    {"<|tool_call|>", "<|tool_call|>[{\"name\": \"NAME\", \"arguments\": ", "}]", ""},
    {"<|python_tag|>", "{\"name\": \"NAME\", \"parameters\": ", "}", "; "},
    {">>>", "NAME\n", "", ">>>"},
};
constexpr Wrapper kHarmony = {"", "<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>", "", ""};
constexpr Wrapper kBare = {"", "{\"name\": \"NAME\", \"arguments\": ", "}", "\n"};

const Wrapper& wrapper_of(const AnswerForm& form) {
  if (form.harmony) return kHarmony;
  for (const Wrapper& wrapper : kWrappers) {
    if (std::ranges::contains(form.calls, wrapper.mark, &MarkPair::open)) return wrapper;
  }
  return kBare;
}

std::string named(std::string_view text, std::string_view name) {
  std::string out(text);
  if (const size_t at = out.find("NAME"); at != std::string::npos) out.replace(at, 4, name);
  return out;
}

Json schema_of(const Json& function) {
  const auto found = function.find("parameters");
  if (found == function.end() || !found->is_object() || found->empty()) {
    return {{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
  }
  return *found;
}

}  // namespace

Result<std::string> structural_tag(const AnswerForm& form, const ForcedCalls& calls) {
  const Wrapper& wrapper = wrapper_of(form);
  Json structures = Json::array();
  const Json tools = Json::parse(calls.tools_json, nullptr, false);
  for (const Json& tool : tools.is_array() ? tools : Json::array()) {
    const auto function = tool.is_object() ? tool.find("function") : tool.end();
    if (!tool.is_object() || function == tool.end() || !function->is_object()) continue;
    const std::string name = function->value("name", "");
    if (name.empty() || (!calls.name.empty() && name != calls.name)) continue;
    structures.push_back(
        {{"begin", named(wrapper.begin, name)}, {"schema", schema_of(*function)}, {"end", named(wrapper.end, name)}});
  }
  if (structures.empty()) return fail(ErrorCode::invalid_argument, "tool_choice names no tool of the request");
  const bool one = calls.one || (wrapper.separator.empty());
  const Json tag = {{"structures", std::move(structures)},
                    {"separator", wrapper.separator},
                    {"at_least_one", true},
                    {"stop_after_first", one}};
  return tag.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace exogpu::model
