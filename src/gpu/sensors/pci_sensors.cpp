#include "gpu/sensors/pci_sensors.h"

#include <charconv>
#include <format>
#include <system_error>

#include "gpu/sensors/hwmon.h"
#include "gpu/sensors/plausible.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

// Takes a hexadecimal number and the character after it from the front of `text`.
std::optional<uint32_t> take_hex(std::string_view& text, char after) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (after == '\0') return text.empty() ? std::optional(value) : std::nullopt;
  if (!text.starts_with(after)) return std::nullopt;
  text.remove_prefix(1);
  return value;
}

// `which`: "used", "total".
std::optional<Bytes> memory_bytes(SensorFiles& files, const fs::path& folder, const std::string& which,
                                  bool integrated) {
  const auto vram = files.integer(folder / ("mem_info_vram_" + which));
  if (!vram || *vram < 0) return std::nullopt;
  Bytes bytes = static_cast<Bytes>(*vram);
  const auto mapped = files.integer(folder / ("mem_info_gtt_" + which));
  if (integrated && mapped && *mapped > 0) bytes += static_cast<Bytes>(*mapped);
  return bytes;
}

// Of i915, in drm/card0; of xe, in tile0/gt0/freq0: why the clock is held down, as a file of 0 or 1 for each reason.
void read_intel_clock(SensorFiles& files, const fs::path& folder, Readings& readings) {
  for (const fs::path& card : files.entries(folder / "drm", "card")) {
    const fs::path reasons = card / "gt/gt0";
    const auto act = files.integer(card / "gt_act_freq_mhz");
    if (act) readings.clock_mhz = plausible_clock_mhz(static_cast<double>(*act));
    if (const auto heat = files.integer(reasons / "throttle_reason_thermal")) readings.throttled = *heat > 0;
    for (const char* level : {"throttle_reason_pl1", "throttle_reason_pl2"}) {
      const auto power = files.integer(reasons / level);
      if (power) readings.power_limited = readings.power_limited.value_or(false) || *power > 0;
    }
  }
  const fs::path freq = folder / "tile0/gt0/freq0";
  if (const auto act = files.integer(freq / "act_freq")) {
    readings.clock_mhz = plausible_clock_mhz(static_cast<double>(*act));
  }
  if (const auto heat = files.integer(freq / "throttle/reason_thermal")) readings.throttled = *heat > 0;
  if (const auto power = files.integer(freq / "throttle/reason_pl1")) readings.power_limited = *power > 0;
}

}  // namespace

std::optional<fs::path> pci_folder(SensorFiles& files, std::string_view address) {
  const auto domain = take_hex(address, ':');
  const auto bus = domain ? take_hex(address, ':') : std::nullopt;
  const auto device = bus ? take_hex(address, '.') : std::nullopt;
  const auto function = device ? take_hex(address, '\0') : std::nullopt;
  if (!function) return std::nullopt;
  fs::path folder = files.root() / "sys/bus/pci/devices" /
                    std::format("{:04x}:{:02x}:{:02x}.{:x}", *domain, *bus, *device, *function);
  std::error_code error;
  if (!fs::is_directory(folder, error)) return std::nullopt;
  return folder;
}

bool is_asleep(SensorFiles& files, const fs::path& folder) {
  const std::string status = files.text(folder / "power/runtime_status").value_or("");
  return status == "suspended" || status == "suspending";
}

Readings read_pci_sensors(SensorFiles& files, const fs::path& folder, bool integrated, EnergyMeter& energy,
                          EnergyMeter::Time now) {
  Readings readings;
  if (const auto percent = files.integer(folder / "gpu_busy_percent")) {
    readings.utilization = plausible_share(static_cast<double>(*percent) * 1e-2);
  }
  readings.memory_used_bytes = memory_bytes(files, folder, "used", integrated);
  readings.memory_total_bytes = memory_bytes(files, folder, "total", integrated);
  read_intel_clock(files, folder, readings);
  for (const fs::path& hwmon : files.entries(folder / "hwmon", "hwmon")) {
    // amdgpu calls the chip "edge" beside "junction" and "mem", xe "pkg" beside "vram".
    if (!readings.temperature_c) readings.temperature_c = hwmon_temperature_c(files, hwmon, {"edge", "pkg"});
    if (!readings.limit_c) readings.limit_c = hwmon_limit_c(files, hwmon, {"edge", "pkg"});
    if (!readings.power_w) readings.power_w = hwmon_power_w(files, hwmon);
    if (!readings.fan) readings.fan = hwmon_fan(files, hwmon);
    if (!readings.clock_mhz) readings.clock_mhz = hwmon_clock_mhz(files, hwmon);
    if (readings.power_w) continue;
    if (const auto counted = hwmon_energy_uj(files, hwmon))
      readings.power_w = energy.power_w(hwmon.string(), *counted, now);
  }
  return readings;
}

}  // namespace exogpu::gpu
