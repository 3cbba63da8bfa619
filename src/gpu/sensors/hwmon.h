// One folder of Linux's hwmon: temp2_input, temp2_label, power1_average, energy1_input and the like.
// Units there: thousandths of a degree Celsius, microwatts, microjoules.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "gpu/sensors/sensor_files.h"

namespace exogpu::gpu {

// The sensor whose label begins with the first of `labels` that any has, else the lowest numbered one.
std::optional<double> hwmon_temperature_c(SensorFiles& files, const std::filesystem::path& hwmon,
                                          std::initializer_list<std::string_view> labels);

// Where the hardware protects itself, of the same sensor.
std::optional<double> hwmon_limit_c(SensorFiles& files, const std::filesystem::path& hwmon,
                                    std::initializer_list<std::string_view> labels);

// The lowest numbered channel: that of the whole card where there are others.
std::optional<double> hwmon_power_w(SensorFiles& files, const std::filesystem::path& hwmon);
std::optional<double> hwmon_fan(SensorFiles& files, const std::filesystem::path& hwmon);        // 0..1
std::optional<double> hwmon_clock_mhz(SensorFiles& files, const std::filesystem::path& hwmon);  // of the cores
std::optional<int64_t> hwmon_energy_uj(SensorFiles& files,
                                       const std::filesystem::path& hwmon);  // since some moment in the past

}  // namespace exogpu::gpu
