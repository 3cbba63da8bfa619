#include "api/generation/prompt_list.h"

#include "api/generation/token_list.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

Parsed<std::vector<node::Prompt>> read_prompts(const Fields& fields, const char* field, std::string_view what) {
  const json* value = fields.find(field);
  if (!value) return bad_field(field, "missing_required_parameter", "is missing; give {}", what);
  std::vector<node::Prompt> prompts;
  if (value->is_string()) {
    prompts.emplace_back(value->get<std::string>());
    return prompts;
  }
  if (!value->is_array()) {
    return bad_field(field, "invalid_type", "must be a string or an array, and is {}", kind(*value));
  }
  if (value->empty()) return bad_field(field, "invalid_value", "is an empty array");
  if (value->front().is_number()) {
    EXO_TRY(auto tokens, read_tokens(*value, field));
    prompts.emplace_back(std::move(tokens));
    return prompts;
  }
  for (size_t i = 0; i < value->size(); ++i) {
    const json& item = (*value)[i];
    const std::string name = std::format("{}[{}]", field, i);
    if (item.is_string()) {
      prompts.emplace_back(item.get<std::string>());
    } else if (item.is_array() && !item.empty()) {
      EXO_TRY(auto tokens, read_tokens(item, name));
      prompts.emplace_back(std::move(tokens));
    } else {
      return bad_field(name, "invalid_type", "must be a string or an array of token ids, and is {}",
                       item.is_array() ? "an empty array" : kind(item));
    }
  }
  return prompts;
}

}  // namespace exogpu::api
