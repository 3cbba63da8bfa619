#include "gpu/sensors/hwmon.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "gpu/sensors/plausible.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

// The channels that have a file KIND + number + SUFFIX, by number.
std::vector<std::string> channels(SensorFiles& files, const fs::path& hwmon, std::string_view kind,
                                  std::string_view suffix) {
  std::vector<std::pair<unsigned, std::string>> found;
  for (const fs::path& file : files.entries(hwmon, kind)) {
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

std::optional<double> temperature_c(SensorFiles& files, const fs::path& hwmon, const std::string& channel) {
  if (files.integer(hwmon / (channel + "_fault")).value_or(0) != 0) return std::nullopt;
  const auto millidegrees = files.integer(hwmon / (channel + "_input"));
  return millidegrees ? plausible_temperature_c(static_cast<double>(*millidegrees) * 1e-3) : std::nullopt;
}

// The channel of the temperature, and its reading.
std::optional<std::pair<std::string, double>> sensor(SensorFiles& files, const fs::path& hwmon,
                                                     std::initializer_list<std::string_view> labels) {
  const std::vector<std::string> found = channels(files, hwmon, "temp", "_input");
  for (const std::string_view label : labels) {
    for (const std::string& channel : found) {
      if (!files.fixed_text(hwmon / (channel + "_label")).starts_with(label)) continue;
      if (const auto celsius = temperature_c(files, hwmon, channel)) return std::pair(channel, *celsius);
    }
  }
  for (const std::string& channel : found) {
    if (const auto celsius = temperature_c(files, hwmon, channel)) return std::pair(channel, *celsius);
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> hwmon_temperature_c(SensorFiles& files, const fs::path& hwmon,
                                          std::initializer_list<std::string_view> labels) {
  const auto found = sensor(files, hwmon, labels);
  return found ? std::optional(found->second) : std::nullopt;
}

// Drivers leave 0 or hundreds of degrees where nothing is set.
std::optional<double> hwmon_limit_c(SensorFiles& files, const fs::path& hwmon,
                                    std::initializer_list<std::string_view> labels) {
  const auto found = sensor(files, hwmon, labels);
  if (!found) return std::nullopt;
  const auto millidegrees = files.fixed_integer(hwmon / (found->first + "_crit"));
  return millidegrees ? within(static_cast<double>(*millidegrees) * 1e-3, 40, 150) : std::nullopt;
}

std::optional<double> hwmon_power_w(SensorFiles& files, const fs::path& hwmon) {
  for (const std::string_view suffix : {"_average", "_input"}) {
    for (const std::string& channel : channels(files, hwmon, "power", suffix)) {
      const auto microwatts = files.integer(hwmon / (channel + std::string(suffix)));
      if (!microwatts) continue;
      if (const auto watts = plausible_power_w(static_cast<double>(*microwatts) * 1e-6)) return watts;
    }
  }
  return std::nullopt;
}

// Drivers have the speed of a fan as a duty cycle of 255, in turns a minute, or both.
std::optional<double> hwmon_fan(SensorFiles& files, const fs::path& hwmon) {
  for (const std::string& channel : channels(files, hwmon, "fan", "_input")) {
    const auto turns = files.integer(hwmon / (channel + "_input")),
               most = files.fixed_integer(hwmon / (channel + "_max"));
    if (!turns || !most || *most <= 0) continue;
    if (const auto share = within(static_cast<double>(*turns) / static_cast<double>(*most), 0, 1.2)) {
      return std::min(*share, 1.0);
    }
  }
  const auto duty = files.integer(hwmon / "pwm1");
  return duty ? plausible_share(static_cast<double>(*duty) / 255) : std::nullopt;
}

std::optional<double> hwmon_clock_mhz(SensorFiles& files, const fs::path& hwmon) {
  for (const std::string& channel : channels(files, hwmon, "freq", "_input")) {
    const auto hertz = files.integer(hwmon / (channel + "_input"));
    if (hertz) return plausible_clock_mhz(static_cast<double>(*hertz) * 1e-6);
  }
  return std::nullopt;
}

std::optional<int64_t> hwmon_energy_uj(SensorFiles& files, const fs::path& hwmon) {
  for (const std::string& channel : channels(files, hwmon, "energy", "_input")) {
    if (const auto microjoules = files.integer(hwmon / (channel + "_input"))) return microjoules;
  }
  return std::nullopt;
}

}  // namespace exogpu::gpu
