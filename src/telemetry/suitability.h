// How well a device could take more work: a number for people and for other programs. Plans are made by measured
// speeds.
#pragma once

#include <optional>

#include "wire/telemetry.h"

namespace exogpu::telemetry {

inline constexpr double kMemoryWeight = 0.6, kComputeWeight = 0.4;
inline constexpr double kHotFromC = 80, kPenaltyPerDegree = 0.05;

// 0..1: 60 % the free share of its memory, 40 % the free share of its compute, less 0.05 for each degree above 80 °C.
// Absent without both amounts of its memory. A device whose load nobody measures counts as free, one without a
// temperature as cool.
std::optional<double> suitability(const wire::MetricValues& values);

}  // namespace exogpu::telemetry
