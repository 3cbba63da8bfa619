#include "gpu/profile/json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace exogpu::gpu {
namespace {

using Json = nlohmann::ordered_json;

// Of an object; a rate is finite and above zero.
Result<double> rate(const Json& json, const char* name) {
  auto found = json.find(name);
  if (found == json.end() || !found->is_number()) return fail(ErrorCode::corrupt, "\"{}\" is not a number", name);
  auto value = found->get<double>();
  if (!std::isfinite(value) || value <= 0) return fail(ErrorCode::corrupt, "\"{}\" is {}", name, value);
  return value;
}

Result<uint64_t> whole(const Json& json, const char* name) {
  auto found = json.find(name);
  if (found == json.end() || !found->is_number_unsigned()) {
    return fail(ErrorCode::corrupt, "\"{}\" is not a whole number", name);
  }
  return found->get<uint64_t>();
}

}  // namespace

Json to_json(const Profile& profile) {
  Json products = Json::array();
  for (const ProductRates& rates : profile.products) {
    products.push_back(
        {{"type", rates.type},
         {"matvec_bytes_per_s", rates.matvec_bytes_per_s},
         {"matmul_flops_per_s", rates.matmul_flops_per_s > 0 ? Json(rates.matmul_flops_per_s) : Json()}});
  }
  return {
      {"bandwidth_bytes_per_s", profile.bandwidth_bytes_per_s},
      {"memory_read_bytes_per_s", profile.memory_read_bytes_per_s},
      {"memory_copy_bytes_per_s", profile.memory_copy_bytes_per_s},
      {"products", std::move(products)},
      {"host_to_device_bytes_per_s", profile.host_to_device_bytes_per_s},
      {"device_to_host_bytes_per_s", profile.device_to_host_bytes_per_s},
      {"graph_overhead_s", profile.graph_overhead_s},
      {"fixed_columns", profile.fixed_columns},
      {"threads", profile.threads},
      {"measured_at_unix_s", static_cast<uint64_t>(profile.measured_at.time_since_epoch().count())},
      {"took_s", profile.took_s},
  };
}

Result<Profile> profile_from_json(const Json& json) {
  if (!json.is_object()) return fail(ErrorCode::corrupt, "a profile is not an object");
  Profile profile;
  EXO_TRY(profile.bandwidth_bytes_per_s, rate(json, "bandwidth_bytes_per_s"));
  EXO_TRY(profile.host_to_device_bytes_per_s, rate(json, "host_to_device_bytes_per_s"));
  EXO_TRY(profile.device_to_host_bytes_per_s, rate(json, "device_to_host_bytes_per_s"));
  EXO_TRY(profile.graph_overhead_s, rate(json, "graph_overhead_s"));
  EXO_TRY(profile.took_s, rate(json, "took_s"));
  for (auto [name, value] : {std::pair{"fixed_columns", &profile.fixed_columns},
                             std::pair{"memory_read_bytes_per_s", &profile.memory_read_bytes_per_s},
                             std::pair{"memory_copy_bytes_per_s", &profile.memory_copy_bytes_per_s}}) {
    if (json.value(name, Json(0)) == Json(0)) continue;  // not measured
    EXO_TRY(*value, rate(json, name));
  }
  EXO_TRY(uint64_t threads, whole(json, "threads"));
  profile.threads = static_cast<uint32_t>(threads);
  EXO_TRY(uint64_t measured_at, whole(json, "measured_at_unix_s"));
  if (measured_at > uint64_t{1} << 40) return fail(ErrorCode::corrupt, "\"measured_at_unix_s\" is {}", measured_at);
  profile.measured_at = std::chrono::sys_seconds(std::chrono::seconds(static_cast<int64_t>(measured_at)));
  auto products = json.find("products");
  if (products == json.end() || !products->is_array() || products->empty()) {
    return fail(ErrorCode::corrupt, "\"products\" is not an array");
  }
  for (const Json& entry : *products) {
    ProductRates rates;
    if (!entry.is_object() || !entry.contains("type") || !entry["type"].is_string()) {
      return fail(ErrorCode::corrupt, "a product has no type");
    }
    rates.type = entry["type"].get<std::string>();
    EXO_TRY(rates.matvec_bytes_per_s, rate(entry, "matvec_bytes_per_s"));
    if (!entry.value("matmul_flops_per_s", Json()).is_null()) {
      EXO_TRY(rates.matmul_flops_per_s, rate(entry, "matmul_flops_per_s"));
    }
    profile.products.push_back(std::move(rates));
  }
  return profile;
}

}  // namespace exogpu::gpu
