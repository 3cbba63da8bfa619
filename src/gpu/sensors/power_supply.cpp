#include "gpu/sensors/power_supply.h"

#include <algorithm>
#include <cmath>

#include "gpu/sensors/plausible.h"

namespace exogpu::gpu {
namespace {

namespace fs = std::filesystem;

// Files there count in millionths: of a volt, ampere, watt, and their hours.
std::optional<double> read_micro(SensorFiles& files, const fs::path& file) {
  const auto value = files.integer(file);
  return value ? std::optional(static_cast<double>(*value) * 1e-6) : std::nullopt;
}

BatteryState state_of(const std::string& status) {
  if (status == "Charging") return BatteryState::charging;
  if (status == "Discharging") return BatteryState::discharging;
  if (status == "Full" || status == "Not charging") return BatteryState::idle;
  return BatteryState::unknown;
}

struct Store {
  double now = 0, full = 0;  // watt hours or ampere hours
};

std::optional<Store> read_store(SensorFiles& files, const fs::path& folder, const std::string& unit) {
  const auto now = read_micro(files, folder / (unit + "_now")), full = read_micro(files, folder / (unit + "_full"));
  if (!now || !full || *now < 0 || *full <= 0) return std::nullopt;
  return Store{*now, *full};
}

// Worn batteries count a little past full.
std::optional<double> share_of_full(double share) {
  const auto plausible = within(share, 0, 1.2);
  return plausible ? std::optional(std::min(*plausible, 1.0)) : std::nullopt;
}

std::optional<double> charge_of(SensorFiles& files, const fs::path& folder) {
  if (const auto percent = files.integer(folder / "capacity")) {
    if (const auto share = share_of_full(static_cast<double>(*percent) * 1e-2)) return share;
  }
  for (const char* unit : {"energy", "charge"}) {
    if (const auto store = read_store(files, folder, unit)) return share_of_full(store->now / store->full);
  }
  return std::nullopt;
}

// Some drivers give what flows out as a negative number.
std::optional<double> power_of(SensorFiles& files, const fs::path& folder) {
  if (const auto watts = read_micro(files, folder / "power_now")) return plausible_power_w(std::abs(*watts));
  const auto volts = read_micro(files, folder / "voltage_now"), amperes = read_micro(files, folder / "current_now");
  return volts && amperes ? plausible_power_w(std::abs(*volts * *amperes)) : std::nullopt;
}

// Weighted by energy if all batteries report it, else each counts alike.
std::optional<double> charge_of_all(const std::vector<Battery>& batteries, const std::vector<double>& full_wh) {
  const bool weighted = std::ranges::none_of(full_wh, [](double wh) { return wh == 0; });
  double charge = 0, weight = 0;
  for (size_t i = 0; i < batteries.size(); ++i) {
    if (!batteries[i].charge) continue;
    const double w = weighted ? full_wh[i] : 1;
    charge += w * *batteries[i].charge;
    weight += w;
  }
  return weight > 0 ? std::optional(charge / weight) : std::nullopt;
}

}  // namespace

std::string_view to_string(BatteryState state) {
  switch (state) {
    case BatteryState::unknown: return "unknown";
    case BatteryState::charging: return "charging";
    case BatteryState::discharging: return "discharging";
    case BatteryState::idle: return "idle";
  }
  return "unknown";
}

PowerSupply read_power_supply(SensorFiles& files) {
  PowerSupply supply;
  std::vector<double> full_wh;  // of each battery; 0 when unknown
  std::optional<bool> plugged;
  for (const fs::path& folder : files.entries(files.root() / "sys/class/power_supply", "")) {
    if (files.fixed_text(folder / "scope") == "Device") continue;  // of a mouse, a headset, a pen
    const std::string type = files.fixed_text(folder / "type");
    if (type == "Battery" || type == "UPS") {
      if (files.integer(folder / "present").value_or(1) == 0) continue;  // an empty bay
      const auto store = read_store(files, folder, "energy");
      supply.batteries.push_back({.name = folder.filename().string(),
                                  .charge = charge_of(files, folder),
                                  .state = state_of(files.text(folder / "status").value_or("")),
                                  .power_w = power_of(files, folder)});
      full_wh.push_back(store ? store->full : 0);
    } else if (type == "Mains" || type == "USB" || type == "Wireless") {
      const auto online = files.integer(folder / "online");
      if (online) plugged = plugged.value_or(false) || *online > 0;
    }
  }
  const auto any_is = [&](BatteryState state) {
    return std::ranges::any_of(supply.batteries, [state](const Battery& b) { return b.state == state; });
  };
  // With no battery, an unplugged port does not indicate the power source.
  if (plugged && (*plugged || !supply.batteries.empty())) {
    supply.on_mains = plugged;
  } else if (any_is(BatteryState::charging)) {
    supply.on_mains = true;
  } else if (any_is(BatteryState::discharging)) {
    supply.on_mains = false;
  }
  supply.charge = charge_of_all(supply.batteries, full_wh);
  return supply;
}

}  // namespace exogpu::gpu
