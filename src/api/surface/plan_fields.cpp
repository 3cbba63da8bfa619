#include "api/surface/plan_fields.h"

#include <algorithm>

#include "wire/cluster_log.h"

namespace exogpu::api {

using json = nlohmann::ordered_json;

Parsed<std::optional<std::vector<std::string>>> read_without(const Fields& fields) {
  const json* list = fields.find("without");
  if (list == nullptr) return std::nullopt;
  const bool sound = list->is_array() && list->size() <= wire::kWithoutMax &&
                     std::ranges::all_of(*list, [](const json& each) { return each.is_string(); });
  if (!sound)
    return bad_field("without", "invalid_value", "must be a list of at most {} devices, as [\"desk/cpu\"]",
                     wire::kWithoutMax);
  std::vector<std::string> names;
  for (const json& each : *list) names.push_back(each.get<std::string>());
  return names;
}

Parsed<std::optional<wire::Objective>> read_objective(const Fields& fields) {
  EXO_TRY(const auto objective, fields.text("objective"));
  if (!objective) return std::nullopt;
  const auto value = wire::kObjectives.parse(*objective);
  if (!value) return bad_field("objective", "invalid_value", "{}", value.error().message);
  return *value;
}

}  // namespace exogpu::api
