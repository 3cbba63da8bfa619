#include "gpu/profile/json.h"

#include <nlohmann/json.hpp>

#include "cli/devices/report.h"
#include "cli/readings.h"
#include "gpu/layouts/stored.h"

namespace exogpu::cli {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const std::optional<bool>& known) { return known ? Json(*known) : Json(nullptr); }

Json json_of(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json json_of(const Result<gpu::CachedProfile>& profile) {
  if (!profile) return {{"error", {{"code", to_string(profile.error().code)}, {"message", profile.error().message}}}};
  Json json = gpu::to_json(profile->profile);
  json["measured_now"] = profile->measured;
  return json;
}

Json json_of(const std::vector<wire::TypeLimit>& limits) {
  Json json = Json::array();
  for (const wire::TypeLimit& limit : limits)
    json.push_back({{"type", limit.type},
                    {"use", limit.use},
                    {"held_as", json_of(limit.held_as)},
                    {"growth", limit.held_as.empty() ? Json(nullptr) : Json(limit.growth)}});
  return json;
}

Json json_of(const DeviceReport& device) {
  const gpu::DeviceInfo& info = device.info;
  Json json = {
      {"id", info.id},
      {"name", info.name},
      {"vendor", json_of(info.vendor)},
      {"kind", gpu::to_string(info.kind)},
      {"software", info.software},
      {"backend", info.backend},
      {"driver_version", json_of(info.driver_version)},
      {"api_version", json_of(info.api_version)},
      {"compute_units", info.compute_units == 0 ? Json(nullptr) : Json(info.compute_units)},
      {"performance_cores", info.performance_cores == 0 ? Json(nullptr) : Json(info.performance_cores)},
      {"hardware_threads", info.hardware_threads == 0 ? Json(nullptr) : Json(info.hardware_threads)},
      {"memory_total_bytes", device.memory.total},
      {"memory_free_bytes", device.memory.free},
      {"precisions",
       {{"f32", info.precisions.f32},
        {"f16", json_of(info.precisions.f16)},
        {"bf16", json_of(info.precisions.bf16)},
        {"int8_dot", json_of(info.precisions.int8_dot)},
        {"matrix_cores", json_of(info.precisions.matrix_cores)}}},
      {"limits", json_of(device.limits)},
      {"pci_address", json_of(info.pci_address)},
      {"uuid", json_of(info.uuid)},
      {"readings", readings_json(device.readings)},
  };
  if (device.profile) {
    json["profile"] = json_of(*device.profile);
    json["layouts"] = gpu::to_json(device.layouts);
  }
  return json;
}

}  // namespace

std::string as_json(const DevicesReport& report) {
  Json devices = Json::array();
  for (const DeviceReport& device : report.devices) devices.push_back(json_of(device));
  Json json = {{"devices", std::move(devices)}, {"power_supply", power_supply_json(report.supply)}};
  // A driver's texts may not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace exogpu::cli
