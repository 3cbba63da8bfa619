#include "gpu/sensors/host_sensors.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <sstream>
#include <string>

#include "gpu/sensors/hwmon.h"
#include "gpu/sensors/plausible.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

void raise_to(std::optional<double>& highest, std::optional<double> value) {
  if (value && (!highest || *value > *highest)) highest = value;
}

bool measures_the_cpu(const std::string& hwmon_name) {
  constexpr std::array names = {"k10temp", "zenpower", "coretemp", "cpu_thermal", "soc_thermal", "scpi_sensors"};
  return std::ranges::find(names, hwmon_name) != names.end();
}

bool is_cpu_zone(const std::string& type) {
  return type == "x86_pkg_temp" || type.starts_with("cpu") || type.starts_with("soc");
}

constexpr int64_t kClockKhzMax = 20'000'000;

}  // namespace

std::optional<double> cpu_temperature_c(SensorFiles& files) {
  std::optional<double> hottest;
  for (const fs::path& hwmon : files.entries(files.root() / "sys/class/hwmon", "hwmon")) {
    if (!measures_the_cpu(files.fixed_text(hwmon / "name"))) continue;
    // AMD's Tctl is Tdie plus an offset for the fans on some processors.
    raise_to(hottest, hwmon_temperature_c(files, hwmon, {"Tdie", "Tctl", "Package id"}));
  }
  if (hottest) return hottest;
  for (const fs::path& zone : files.entries(files.root() / "sys/class/thermal", "thermal_zone")) {
    if (!is_cpu_zone(files.fixed_text(zone / "type"))) continue;
    const auto millidegrees = files.integer(zone / "temp");
    if (millidegrees) raise_to(hottest, plausible_temperature_c(static_cast<double>(*millidegrees) * 1e-3));
  }
  return hottest;
}

std::optional<double> cpu_limit_c(SensorFiles& files) {
  std::optional<double> lowest;
  const auto lower_to = [&](std::optional<double> value) {
    if (value && (!lowest || *value < *lowest)) lowest = value;
  };
  for (const fs::path& hwmon : files.entries(files.root() / "sys/class/hwmon", "hwmon")) {
    if (!measures_the_cpu(files.fixed_text(hwmon / "name"))) continue;
    lower_to(hwmon_limit_c(files, hwmon, {"Tdie", "Tctl", "Package id"}));
  }
  if (lowest) return lowest;
  for (const fs::path& zone : files.entries(files.root() / "sys/class/thermal", "thermal_zone")) {
    if (!is_cpu_zone(files.fixed_text(zone / "type"))) continue;
    for (int trip = 0; trip < 16; ++trip) {
      const std::string name = "trip_point_" + std::to_string(trip);
      const std::string type = files.fixed_text(zone / (name + "_type"));
      if (type.empty()) break;
      const auto millidegrees = files.fixed_integer(zone / (name + "_temp"));
      if (type == "critical" && millidegrees) lower_to(within(static_cast<double>(*millidegrees) * 1e-3, 40, 150));
    }
  }
  return lowest;
}

CpuClock cpu_clock(SensorFiles& files) {
  double share = 0, khz = 0;
  size_t shares = 0, clocks = 0;
  for (const fs::path& policy : files.entries(files.root() / "sys/devices/system/cpu/cpufreq", "policy")) {
    const auto now = files.integer(policy / "scaling_cur_freq"),
               most = files.fixed_integer(policy / "cpuinfo_max_freq");
    if (!now || *now <= 0 || *now > kClockKhzMax) continue;
    khz += static_cast<double>(*now);
    ++clocks;
    if (!most || *most <= 0) continue;
    share += std::min(1.0, static_cast<double>(*now) / static_cast<double>(*most));
    ++shares;
  }
  CpuClock clock;
  if (clocks > 0) clock.mhz = khz * 1e-3 / static_cast<double>(clocks);
  if (shares > 0) clock.speed = share / static_cast<double>(shares);
  return clock;
}

std::optional<double> fan_of_machine(SensorFiles& files) {
  std::optional<double> fastest;
  for (const fs::path& hwmon : files.entries(files.root() / "sys/class/hwmon", "hwmon")) {
    const std::string name = files.fixed_text(hwmon / "name");
    if (name == "amdgpu" || name == "nouveau" || name == "xe" || name == "i915") continue;  // a card's own
    raise_to(fastest, hwmon_fan(files, hwmon));
  }
  return fastest;
}

// Intel counts for each core and package; elsewhere the system cools by "processor" or "cpufreq" devices, whose state
// is 0 while they do nothing.
std::optional<bool> CpuThrottling::update(SensorFiles& files) {
  std::optional<int64_t> count;
  for (const fs::path& core : files.entries(files.root() / "sys/devices/system/cpu", "cpu")) {
    for (const char* name : {"core_throttle_count", "package_throttle_count"}) {
      const auto counted = files.integer(core / "thermal_throttle" / name);
      if (counted && *counted >= 0) count = count.value_or(0) + std::min<int64_t>(*counted, int64_t{1} << 40);
    }
  }
  if (count) {
    const bool risen = last_ && *count > *last_;
    last_ = count;
    return risen;
  }
  std::optional<bool> throttled;
  for (const fs::path& device : files.entries(files.root() / "sys/class/thermal", "cooling_device")) {
    const std::string type = files.fixed_text(device / "type");
    if (type != "Processor" && !type.contains("cpufreq")) continue;
    if (const auto state = files.integer(device / "cur_state")) throttled = throttled.value_or(false) || *state > 0;
  }
  return throttled;
}

std::optional<double> cpu_power_w(SensorFiles& files, EnergyMeter& energy, EnergyMeter::Time now) {
  double sum = 0;
  size_t packages = 0, known = 0;
  for (const fs::path& counter : files.entries(files.root() / "sys/class/powercap", "intel-rapl:")) {
    if (!files.fixed_text(counter / "name").starts_with("package")) continue;
    ++packages;
    const auto counted = files.integer(counter / "energy_uj");
    if (!counted) continue;
    const auto watts =
        energy.power_w(counter.string(), *counted, now, files.fixed_integer(counter / "max_energy_range_uj"));
    if (!watts) continue;
    ++known;
    sum += *watts;
  }
  return packages > 0 && known == packages ? std::optional(sum) : std::nullopt;
}

std::optional<double> CpuLoad::update(SensorFiles& files) {
  const std::optional<Times> now = read(files);
  if (!now) return std::nullopt;
  if (!last_) {
    last_ = now;
    return std::nullopt;
  }
  const double total = now->total - last_->total, idle = now->idle - last_->idle;
  if (total == 0) return std::nullopt;
  last_ = now;
  // Ticks run backwards when a processor leaves, and those of waiting for disks do so at any time.
  if (total < 0) return std::nullopt;
  return 1 - std::clamp(idle / total, 0.0, 1.0);
}

// "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guests are counted in user and nice already,
// and old kernels stop after idle.
std::optional<CpuLoad::Times> CpuLoad::read(SensorFiles& files) {
  std::istringstream line(files.text(files.root() / "proc/stat").value_or(""));
  std::string name;
  line >> name;
  if (name != "cpu") return std::nullopt;
  Times times;
  size_t fields = 0;
  for (int64_t ticks = 0; fields < 8 && line.peek() != '\n' && line >> ticks; ++fields) {
    if (ticks < 0) return std::nullopt;
    times.total += static_cast<double>(ticks);
    if (fields == 3 || fields == 4) times.idle += static_cast<double>(ticks);
  }
  if (fields < 4) return std::nullopt;
  return times;
}

}  // namespace exogpu::gpu
