#include "gpu/sensors/energy_meter.h"

#include "gpu/sensors/plausible.h"

namespace exogpu::gpu {

std::optional<double> EnergyMeter::power_w(const std::string& counter, int64_t energy_uj, Time now,
                                           std::optional<int64_t> wraps_at_uj) {
  if (energy_uj < 0) return std::nullopt;
  const auto [it, first] = last_.try_emplace(counter, Reading{energy_uj, now});
  if (first) return std::nullopt;
  const std::chrono::duration<double> elapsed = now - it->second.time;
  if (elapsed < std::chrono::milliseconds(10)) return std::nullopt;
  double used_uj = static_cast<double>(energy_uj - it->second.energy_uj);
  if (used_uj < 0) used_uj += static_cast<double>(wraps_at_uj.value_or(0));
  it->second = {energy_uj, now};
  return plausible_power_w(used_uj * 1e-6 / elapsed.count());
}

}  // namespace exogpu::gpu
