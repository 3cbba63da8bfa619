#include "gpu/layouts/stored.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace exogpu::gpu {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kLayoutsVersion = 1;

Result<double> positive(const Json& json, const char* name) {
  const auto found = json.find(name);
  const double value = found != json.end() && found->is_number() ? found->get<double>() : 0;
  if (std::isfinite(value) && value > 0) return value;
  return fail(ErrorCode::corrupt, "\"{}\" is no rate", name);
}

Result<LayoutVerdict> verdict_from(const Json& json) {
  const Json state = json.is_object() ? json.value("state", Json()) : Json();
  const Json reason = json.is_object() ? json.value("reason", Json("")) : Json();
  const auto known = state.is_string() ? layout_state(state.get<std::string>()) : std::nullopt;
  if (!known || !reason.is_string()) return fail(ErrorCode::corrupt, "a verdict has no state");
  return LayoutVerdict{*known, reason.get<std::string>()};
}

Result<LayoutKnowledge> device_from(const Json& json) {
  LayoutKnowledge known;
  if (!json.is_object()) return fail(ErrorCode::corrupt, "a device is no object");
  const Json verdicts = json.value("verdicts", Json());
  const Json rates = json.value("rates", Json());
  if (!verdicts.is_object() || !rates.is_object()) return fail(ErrorCode::corrupt, "a device has no verdicts or rates");
  for (const auto& [name, value] : verdicts.items()) {
    EXO_TRY(LayoutCase which, layout_case(name));
    EXO_TRY(LayoutVerdict verdict, verdict_from(value));
    known.verdicts.emplace(std::move(which), std::move(verdict));
  }
  for (const auto& [name, value] : rates.items()) {
    const size_t slash = name.rfind('/');
    if (slash == std::string::npos || !value.is_object()) return fail(ErrorCode::corrupt, "rates are of no layout");
    LayoutRates each;
    EXO_TRY(each.matvec_bytes_per_s, positive(value, "matvec_bytes_per_s"));
    EXO_TRY(each.matmul_flops_per_s, positive(value, "matmul_flops_per_s"));
    known.rates.emplace(std::pair(name.substr(0, slash), name.substr(slash + 1)), each);
  }
  return known;
}

}  // namespace

Json to_json(const LayoutKnowledge& known) {
  Json verdicts = Json::object();
  for (const auto& [which, verdict] : known.verdicts) {
    if (verdict.state == LayoutState::unknown) continue;
    verdicts[to_string(which)] = {{"state", to_string(verdict.state)}, {"reason", verdict.reason}};
  }
  Json rates = Json::object();
  for (const auto& [of, each] : known.rates) {
    rates[of.first + "/" + of.second] = {{"matvec_bytes_per_s", each.matvec_bytes_per_s},
                                         {"matmul_flops_per_s", each.matmul_flops_per_s}};
  }
  return {{"verdicts", std::move(verdicts)}, {"rates", std::move(rates)}};
}

Json to_json(const std::map<std::string, LayoutKnowledge>& devices) {
  Json all = Json::object();
  for (const auto& [key, known] : devices) all[key] = to_json(known);
  return {{"version", kLayoutsVersion}, {"devices", std::move(all)}};
}

Result<std::map<std::string, LayoutKnowledge>> knowledge_from_json(const Json& json) {
  std::map<std::string, LayoutKnowledge> all;
  if (!json.is_object() || json.value("version", Json()) != Json(kLayoutsVersion)) return all;
  const Json devices = json.value("devices", Json());
  if (!devices.is_object()) return fail(ErrorCode::corrupt, "has no devices");
  for (const auto& [key, value] : devices.items()) {
    EXO_TRY(LayoutKnowledge known, device_from(value));
    all.emplace(key, std::move(known));
  }
  return all;
}

}  // namespace exogpu::gpu
