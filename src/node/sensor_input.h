// What the sensors of this machine say, as cluster::ConditionFilter wants it.
#pragma once

#include <span>

#include "cluster/condition.h"
#include "gpu/sensors/sensor_reader.h"

namespace exogpu::node {

// Takes a few milliseconds, and more when an NVIDIA driver's library is opened, the first time.
cluster::SensorReadings sensor_readings(gpu::SensorReader& sensors, std::span<const gpu::DeviceInfo> devices);

}  // namespace exogpu::node
