// The thermal parameters of this machine's devices, from one start to the next.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "telemetry/heat/thermal_model.h"

namespace exogpu::telemetry {

using ThermalBook = std::map<std::string, ThermalParameters>;  // by a name of the device that stays the same

inline constexpr size_t kThermalDevicesMax = 64;

// One line for each device: its parameters, then its name. Of what is no such line, or has impossible parameters,
// nothing is taken.
std::string to_text(const ThermalBook& book);
ThermalBook thermal_book_of(std::string_view text);

// An empty book where there is no file, or it cannot be read.
ThermalBook read_thermal_book(const std::filesystem::path& file);
// Replaces the file at once. Errors: io_error, naming it.
Result<void> write_thermal_book(const std::filesystem::path& file, const ThermalBook& book);

}  // namespace exogpu::telemetry
