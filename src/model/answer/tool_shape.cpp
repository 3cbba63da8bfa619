#include "model/answer/tool_shape.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace exogpu::model {
namespace {

using Json = nlohmann::ordered_json;

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

ToolShape shape_of(const Json& function) {
  ToolShape shape;
  if (const Json* name = member(function, "name"); name && name->is_string()) shape.name = name->get<std::string>();
  const Json* parameters = member(function, "parameters");
  const Json* properties = parameters ? member(*parameters, "properties") : nullptr;
  if (!properties || !properties->is_object()) return shape;
  for (const auto& [key, schema] : properties->items()) {
    if (const Json* type = member(schema, "type"); type && type->is_string()) {
      shape.types.emplace(key, type->get<std::string>());
    }
  }
  return shape;
}

}  // namespace

std::vector<ToolShape> tool_shapes(std::string_view tools_json) {
  std::vector<ToolShape> shapes;
  const Json tools = Json::parse(tools_json, nullptr, false);
  if (!tools.is_array()) return shapes;
  for (const Json& tool : tools) {
    const Json* function = member(tool, "function");
    ToolShape shape = shape_of(function ? *function : tool);
    if (!shape.name.empty()) shapes.push_back(std::move(shape));
  }
  return shapes;
}

const ToolShape* find_tool(const std::vector<ToolShape>& tools, std::string_view name) {
  const auto found = std::ranges::find(tools, name, &ToolShape::name);
  return found == tools.end() ? nullptr : &*found;
}

}  // namespace exogpu::model
