// Sensor readings as text and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "gpu/sensors/readings.h"

namespace exogpu::cli {

// "45 °C, 120 W, 37 %"; unknown values are left out, and so is the memory, for which tables have a column.
std::string readings_text(const gpu::Readings& readings);

// "mains", "battery, 83 %", "mains, battery 62 % (charging)"; empty if nothing is known.
std::string power_supply_text(const gpu::PowerSupply& supply);

// Objects without unknown fields.
nlohmann::ordered_json readings_json(const gpu::Readings& readings);
nlohmann::ordered_json power_supply_json(const gpu::PowerSupply& supply);

}  // namespace exogpu::cli
