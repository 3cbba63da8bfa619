// Batteries and mains power from sys/class/power_supply below the root of `files`.
#pragma once

#include "gpu/sensors/readings.h"
#include "gpu/sensors/sensor_files.h"

namespace exogpu::gpu {

PowerSupply read_power_supply(SensorFiles& files);

}  // namespace exogpu::gpu
