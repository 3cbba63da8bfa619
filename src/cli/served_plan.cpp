#include "cli/served_plan.h"

#include <format>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace exogpu::cli {
namespace {

using PlanJson = nlohmann::ordered_json;

constexpr std::chrono::seconds kClusterReply{5};

}  // namespace

Result<PlanJson> model_in_cluster(const api::ApiAddress& at, const std::string& model) {
  EXO_TRY(const std::string body, body_of(api::get(at, "/v1/cluster", kClusterReply)));
  const PlanJson json = PlanJson::parse(body, nullptr, false);
  for (const PlanJson& each : json.is_object() ? json.value("models", PlanJson::array()) : PlanJson::array()) {
    if (each.is_object() && each.value("model", "") == model) return each;
  }
  return PlanJson();
}

std::string stages_text(const PlanJson& stages) {
  std::string text;
  for (const PlanJson& stage : stages)
    text += std::format("{}{}/{} {}-{}", text.empty() ? "" : ", ", printable(stage.value("node", "")),
                        printable(stage.value("device", "")), stage.value("layer_begin", 0U),
                        stage.value("layer_end", 1U) - 1);
  return text;
}

}  // namespace exogpu::cli
