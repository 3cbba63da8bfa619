#include "gpu/sensors/pci_sensors.h"

#include <charconv>
#include <format>
#include <system_error>

#include "gpu/sensors/hwmon.h"
#include "gpu/sensors/plausible.h"
#include "gpu/sensors/sysfs.h"

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

std::optional<Bytes> memory_used_bytes(const fs::path& folder, bool integrated) {
  const auto vram = read_integer(folder / "mem_info_vram_used");
  if (!vram || *vram < 0) return std::nullopt;
  Bytes used = static_cast<Bytes>(*vram);
  const auto mapped = read_integer(folder / "mem_info_gtt_used");
  if (integrated && mapped && *mapped > 0) used += static_cast<Bytes>(*mapped);
  return used;
}

}  // namespace

std::optional<fs::path> pci_folder(const fs::path& root, std::string_view address) {
  const auto domain = take_hex(address, ':');
  const auto bus = domain ? take_hex(address, ':') : std::nullopt;
  const auto device = bus ? take_hex(address, '.') : std::nullopt;
  const auto function = device ? take_hex(address, '\0') : std::nullopt;
  if (!function) return std::nullopt;
  fs::path folder =
      root / "sys/bus/pci/devices" / std::format("{:04x}:{:02x}:{:02x}.{:x}", *domain, *bus, *device, *function);
  std::error_code error;
  if (!fs::is_directory(folder, error)) return std::nullopt;
  return folder;
}

bool is_asleep(const fs::path& folder) {
  const std::string status = read_text(folder / "power/runtime_status").value_or("");
  return status == "suspended" || status == "suspending";
}

Readings read_pci_sensors(const fs::path& folder, bool integrated, EnergyMeter& energy, EnergyMeter::Time now) {
  Readings readings;
  if (const auto percent = read_integer(folder / "gpu_busy_percent")) {
    readings.utilization = plausible_share(static_cast<double>(*percent) * 1e-2);
  }
  readings.memory_used_bytes = memory_used_bytes(folder, integrated);
  for (const fs::path& hwmon : entries(folder / "hwmon", "hwmon")) {
    // amdgpu calls the chip "edge" beside "junction" and "mem", xe "pkg" beside "vram".
    if (!readings.temperature_c) readings.temperature_c = hwmon_temperature_c(hwmon, {"edge", "pkg"});
    if (!readings.limit_c) readings.limit_c = hwmon_limit_c(hwmon, {"edge", "pkg"});
    if (!readings.power_w) readings.power_w = hwmon_power_w(hwmon);
    if (readings.power_w) continue;
    if (const auto counted = hwmon_energy_uj(hwmon)) readings.power_w = energy.power_w(hwmon.string(), *counted, now);
  }
  return readings;
}

}  // namespace exogpu::gpu
