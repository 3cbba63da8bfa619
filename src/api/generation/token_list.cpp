#include "api/generation/token_list.h"

namespace exogpu::api {

Parsed<std::vector<model::TokenId>> read_tokens(const nlohmann::ordered_json& array, const std::string& name) {
  std::vector<model::TokenId> tokens;
  tokens.reserve(array.size());
  for (const auto& item : array) {
    if (!item.is_number_integer()) {
      return bad_field(name, "invalid_type", "must hold token ids alone, and holds {}", kind(item));
    }
    if (item.is_number_unsigned() ? item.get<uint64_t>() > INT32_MAX : true) {
      return bad_field(name, "invalid_value", "holds {}, which is no token id", item.dump());
    }
    tokens.push_back(item.get<model::TokenId>());
  }
  return tokens;
}

}  // namespace exogpu::api
