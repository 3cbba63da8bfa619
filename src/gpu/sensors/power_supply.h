// Batteries and mains power from sys/class/power_supply below `root`.
#pragma once

#include <filesystem>

#include "gpu/sensors/readings.h"

namespace exogpu::gpu {

PowerSupply read_power_supply(const std::filesystem::path& root);

}  // namespace exogpu::gpu
