#include "node/own_devices.h"

#include <algorithm>
#include <map>
#include <utility>

#include "model/file_reader.h"
#include "node/device_profiles.h"
#include "wire/device_group.h"

namespace exogpu::node {
namespace {

bool names_only_cpu(std::string_view id) {
  return std::ranges::all_of(wire::group_members(id), [](std::string_view name) { return name == "cpu"; });
}

// The full ids, each once.
Result<std::vector<std::string>> full_ids(const gpu::Machine& machine, std::span<const std::string> ids) {
  std::vector<std::string> full;
  std::map<const gpu::Device*, std::string> uses;
  for (const std::string& name : ids) {
    EXO_TRY(const auto devices, devices_of(machine, name));
    const std::string& id = names_group(name) ? name : devices.front()->info().id;
    if (std::ranges::contains(full, id)) continue;
    for (const gpu::Device* device : devices)
      if (const auto other = uses.try_emplace(device, id).first->second; other != id)
        return fail(ErrorCode::invalid_argument, "{} is part of {} and of {}; a device has one use", device->info().id,
                    other, id);
    full.push_back(id);
  }
  if (ids.empty())
    for (const gpu::Device& device : machine.devices()) full.push_back(device.info().id);
  return full;
}

}  // namespace

gpu::DiscoverOptions discovery_for(std::span<const std::string> ids, std::shared_ptr<gpu::LayoutBook> layouts) {
  const bool only_cpu = !ids.empty() && std::ranges::all_of(ids, names_only_cpu);
  return {.backend = {}, .software = !ids.empty() && !only_cpu, .cpu_only = only_cpu, .layouts = std::move(layouts)};
}

void limit_memory(std::vector<wire::DeviceProfile>& devices, const DeviceMemory& memory, std::optional<Bytes> most) {
  for (wire::DeviceProfile& device : devices) {
    MemoryParts parts = memory.at(device.id.device);
    for (wire::DeviceProfile& member : parts.members)
      member.memory_free = std::min(member.memory_free, most.value_or(member.memory_free));
    device.memory_free = group_memory(parts.members, parts.shares);
  }
}

Result<OwnDevices> own_devices(const gpu::Machine& machine, std::span<const std::string> ids,
                               const OwnDeviceLimits& limits) {
  OwnDevices own;
  const double disk_bytes_per_s = limits.streamed != nullptr ? model::measure_read_rate(*limits.streamed) : 0;
  EXO_TRY(const auto full, full_ids(machine, ids));
  for (const std::string& id : full) {
    EXO_TRY(const auto devices, devices_of(machine, id));
    EXO_TRY(auto profiles, profiles_of(devices, limits.threads));
    if (!names_group(id)) {
      profiles.front().stream_bytes_per_s = std::min(disk_bytes_per_s, profiles.front().upload_bytes_per_s);
      own.memory.emplace(id, MemoryParts{.members = {profiles.front()}, .shares = {1}});
      own.profiles.push_back(std::move(profiles.front()));
      continue;
    }
    EXO_TRY(const engine::ExchangeCost exchange, engine::measure_exchange(devices));
    const std::vector<double> shares = shares_by_speed(profiles);
    own.profiles.push_back(group_profile(id, profiles, shares, exchange));
    own.shares.emplace(id, shares);
    own.memory.emplace(id, MemoryParts{.members = std::move(profiles), .shares = shares});
    if (own.profiles.back().rates.empty())
      return fail(ErrorCode::unsupported, "the devices of {} were measured with no common type of weights", id);
  }
  limit_memory(own.profiles, own.memory, limits.memory_max);
  return own;
}

}  // namespace exogpu::node
