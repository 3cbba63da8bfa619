// The readings of this machine's sensors, in the form that cluster::ConditionFilter takes.
#pragma once

#include <span>

#include "cluster/condition.h"
#include "gpu/sensors/sensor_reader.h"

namespace exogpu::node {

// Takes a few milliseconds, and more when an NVIDIA driver's library is opened, the first time.
cluster::SensorReadings sensor_readings(gpu::SensorReader& sensors, std::span<const gpu::DeviceInfo> devices);

}  // namespace exogpu::node
