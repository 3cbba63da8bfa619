// Recognises where a tool call begins: its name, and how its arguments are written.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/answer/call_arguments.h"
#include "model/answer/tool_shape.h"

namespace exogpu::model {

struct CallHead {
  enum class Kind { none, wait, call };  // wait: more input decides
  Kind kind = Kind::none;
  size_t bytes = 0;  // of the head, for `call`
  std::string name = {};
  std::string id = {};         // as the model wrote it; may be empty
  std::string arguments = {};  // all of them, as JSON, where `reader` is null
  std::unique_ptr<ArgumentsReader> reader = nullptr;
};

struct HeadContext {
  const std::vector<ToolShape>* tools;
  // Without a mark before it, only a call of one of the tools counts, with its arguments.
  bool bare = false;

  bool accepts(std::string_view name) const { return !name.empty() && (!bare || find_tool(*tools, name)); }
};

// Each looks at the beginning of `text`; `ended`: nothing follows it.
CallHead find_call(std::string_view text, bool ended, const HeadContext& context);

// {"name": NAME, "arguments": {...}}, with the other names that families use for the keys.
CallHead find_json_call(std::string_view text, bool ended, const HeadContext& context);
// NAME(key="text", other=[1, 2.5, True, None, {'a': 1}]), all of it
CallHead find_python_call(std::string_view text, bool ended, const HeadContext& context);
// NAME{...}, NAME[CALL_ID]ID[ARGS]{...}, NAME<｜tool▁sep｜>{...}, NAME\n```json\n{...}, NAME<arg_key>, and the like.
CallHead find_named_call(std::string_view text, bool ended, const HeadContext& context);

// The length of the name at the beginning of `text`: letters, digits, and what else names of tools may have.
size_t name_length(std::string_view text);
inline constexpr size_t kNameBytesMax = 256;

}  // namespace exogpu::model
