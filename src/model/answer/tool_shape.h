// What a parser of tool calls must know about the tools.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace exogpu::model {

struct ToolShape {
  std::string name;
  std::map<std::string, std::string> types = {};  // of its parameters, where the schema has one: "string", "integer"
};

// From an OpenAI-style array of tools; what is not understood is left out. Never fails.
std::vector<ToolShape> tool_shapes(std::string_view tools_json);

const ToolShape* find_tool(const std::vector<ToolShape>& tools, std::string_view name);  // nullptr: none

}  // namespace exogpu::model
