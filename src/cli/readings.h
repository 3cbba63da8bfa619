// What sensors say, for people and for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "gpu/sensors/readings.h"

namespace exogpu::cli {

// "45 °C, 120 W, 37 %"; what is absent is left out. Without the memory: tables have a column for that.
std::string readings_text(const gpu::Readings& readings);

// "mains", "battery, 83 %", "mains, battery 62 % (charging)"; empty when nothing is known.
std::string power_supply_text(const gpu::PowerSupply& supply);

// Objects without the fields that are absent.
nlohmann::ordered_json readings_json(const gpu::Readings& readings);
nlohmann::ordered_json power_supply_json(const gpu::PowerSupply& supply);

}  // namespace exogpu::cli
