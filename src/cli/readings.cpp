#include "cli/readings.h"

#include <algorithm>
#include <format>
#include <optional>
#include <string_view>

namespace exogpu::cli {
namespace {

using Json = nlohmann::ordered_json;

void append(std::string& text, const std::string& part) { text += (text.empty() ? "" : ", ") + part; }

template <typename T>
void put(Json& object, std::string_view name, const std::optional<T>& value) {
  if (value) object[std::string(name)] = *value;
}

// The state of the batteries if they agree: "charging".
std::string_view common_state(const gpu::PowerSupply& supply) {
  const gpu::BatteryState first = supply.batteries.front().state;
  const bool alike = std::ranges::all_of(supply.batteries, [&](const gpu::Battery& b) { return b.state == first; });
  return alike && first != gpu::BatteryState::unknown ? gpu::to_string(first) : std::string_view();
}

}  // namespace

std::string readings_text(const gpu::Readings& readings) {
  std::string text;
  if (readings.temperature_c) append(text, std::format("{:.0f} °C", *readings.temperature_c));
  if (readings.power_w) append(text, std::format("{:.0f} W", *readings.power_w));
  if (readings.utilization) append(text, std::format("{:.0f} %", *readings.utilization * 100));
  return text;
}

std::string power_supply_text(const gpu::PowerSupply& supply) {
  std::string text;
  if (supply.on_mains) text = *supply.on_mains ? "mains" : "battery";
  if (supply.batteries.empty()) return text;
  std::string battery = supply.on_mains.value_or(true) ? "battery" : "";
  if (supply.charge) battery += std::format("{}{:.0f} %", battery.empty() ? "" : " ", *supply.charge * 100);
  const std::string_view state = common_state(supply);
  if (!state.empty() && supply.on_mains.value_or(true)) battery += std::format(" ({})", state);
  if (!battery.empty()) append(text, battery);
  return text;
}

Json readings_json(const gpu::Readings& readings) {
  Json json = Json::object();
  put(json, "temperature_c", readings.temperature_c);
  put(json, "power_w", readings.power_w);
  put(json, "utilization", readings.utilization);
  put(json, "memory_used_bytes", readings.memory_used_bytes);
  return json;
}

Json power_supply_json(const gpu::PowerSupply& supply) {
  Json json = Json::object();
  put(json, "on_mains", supply.on_mains);
  put(json, "charge", supply.charge);
  if (supply.batteries.empty()) return json;
  Json batteries = Json::array();
  for (const gpu::Battery& battery : supply.batteries) {
    Json entry = {{"name", battery.name}, {"state", gpu::to_string(battery.state)}};
    put(entry, "charge", battery.charge);
    put(entry, "power_w", battery.power_w);
    batteries.push_back(std::move(entry));
  }
  json["batteries"] = std::move(batteries);
  return json;
}

}  // namespace exogpu::cli
