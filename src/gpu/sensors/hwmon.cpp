#include "gpu/sensors/hwmon.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "gpu/sensors/plausible.h"
#include "gpu/sensors/sysfs.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

// The channels that have a file KIND + number + SUFFIX, by number.
std::vector<std::string> channels(const fs::path& hwmon, std::string_view kind, std::string_view suffix) {
  std::vector<std::pair<unsigned, std::string>> found;
  for (const fs::path& file : entries(hwmon, kind)) {
    const std::string name = file.filename().string();
    unsigned number = 0;
    const char* begin = name.data() + kind.size();
    const auto [end, error] = std::from_chars(begin, name.data() + name.size(), number);
    if (error != std::errc() || std::string_view(end, name.data() + name.size()) != suffix) continue;
    found.emplace_back(number, name.substr(0, name.size() - suffix.size()));
  }
  std::ranges::sort(found);
  std::vector<std::string> names;
  for (auto& [number, name] : found) names.push_back(std::move(name));
  return names;
}

std::optional<double> temperature_c(const fs::path& hwmon, const std::string& channel) {
  if (read_integer(hwmon / (channel + "_fault")).value_or(0) != 0) return std::nullopt;
  const auto millidegrees = read_integer(hwmon / (channel + "_input"));
  return millidegrees ? plausible_temperature_c(static_cast<double>(*millidegrees) * 1e-3) : std::nullopt;
}

// The channel of the temperature, and its reading.
std::optional<std::pair<std::string, double>> sensor(const fs::path& hwmon,
                                                     std::initializer_list<std::string_view> labels) {
  const std::vector<std::string> found = channels(hwmon, "temp", "_input");
  for (const std::string_view label : labels) {
    for (const std::string& channel : found) {
      if (!read_text(hwmon / (channel + "_label")).value_or("").starts_with(label)) continue;
      if (const auto celsius = temperature_c(hwmon, channel)) return std::pair(channel, *celsius);
    }
  }
  for (const std::string& channel : found) {
    if (const auto celsius = temperature_c(hwmon, channel)) return std::pair(channel, *celsius);
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> hwmon_temperature_c(const fs::path& hwmon, std::initializer_list<std::string_view> labels) {
  const auto found = sensor(hwmon, labels);
  return found ? std::optional(found->second) : std::nullopt;
}

// Drivers leave 0 or hundreds of degrees where nothing is set.
std::optional<double> hwmon_limit_c(const fs::path& hwmon, std::initializer_list<std::string_view> labels) {
  const auto found = sensor(hwmon, labels);
  if (!found) return std::nullopt;
  const auto millidegrees = read_integer(hwmon / (found->first + "_crit"));
  return millidegrees ? within(static_cast<double>(*millidegrees) * 1e-3, 40, 150) : std::nullopt;
}

std::optional<double> hwmon_power_w(const fs::path& hwmon) {
  for (const std::string_view suffix : {"_average", "_input"}) {
    for (const std::string& channel : channels(hwmon, "power", suffix)) {
      const auto microwatts = read_integer(hwmon / (channel + std::string(suffix)));
      if (!microwatts) continue;
      if (const auto watts = plausible_power_w(static_cast<double>(*microwatts) * 1e-6)) return watts;
    }
  }
  return std::nullopt;
}

std::optional<int64_t> hwmon_energy_uj(const fs::path& hwmon) {
  for (const std::string& channel : channels(hwmon, "energy", "_input")) {
    if (const auto microjoules = read_integer(hwmon / (channel + "_input"))) return microjoules;
  }
  return std::nullopt;
}

}  // namespace exogpu::gpu
