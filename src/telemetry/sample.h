// One look at a machine and its devices.
#pragma once

#include <chrono>
#include <vector>

#include "gpu/memory_reading.h"
#include "gpu/sensors/readings.h"
#include "wire/telemetry.h"

namespace exogpu::telemetry {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Duration = Clock::duration;

inline constexpr std::chrono::milliseconds kSampleEvery{500};

struct Sample {
  Time at{};
  std::vector<wire::TelemetrySubject> subjects{};  // the machine first, then its devices
  std::vector<wire::MetricValues> values{};        // of each subject
  // The same as it was read, for what judges it on the machine itself.
  gpu::Readings processors{};
  double processors_own = 0;             // 0..1, what this process used of all processors
  std::vector<gpu::Readings> devices{};  // in the order of the subjects, without the machine
  gpu::PowerSupply supply{};
  gpu::MemoryReading memory{};
};

wire::MetricValues values_of(const gpu::Readings& readings);

}  // namespace exogpu::telemetry
