#include "node/device_group.h"

#include <algorithm>
#include <format>
#include <limits>
#include <map>
#include <numeric>

#include "engine/cut/member_cut.h"
#include "wire/device_group.h"

namespace exogpu::node {
namespace {

using wire::DeviceProfile;

constexpr double kOutputsOfLayer = 2;  // of attention and of the feed-forward

// The least of what `rate` gives for each member, by its share: at that rate the group does the whole.
template <typename Rate>
double slowest(std::span<const DeviceProfile> members, std::span<const double> parts, Rate rate) {
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < members.size(); ++i) least = std::min(least, rate(members[i]) / parts[i]);
  return least;
}

template <typename Value>
double most(std::span<const DeviceProfile> members, Value value) {
  double result = 0;
  for (const DeviceProfile& member : members) result = std::max(result, value(member));
  return result;
}

const wire::WeightRates* rates_for(const DeviceProfile& device, std::string_view type) {
  const auto found = std::ranges::find(device.rates, type, &wire::WeightRates::type);
  return found == device.rates.end() ? nullptr : &*found;
}

// Of the types that all members were measured with.
std::vector<wire::WeightRates> common_rates(std::span<const DeviceProfile> members, std::span<const double> parts) {
  std::vector<wire::WeightRates> common;
  for (const wire::WeightRates& first : members.front().rates) {
    const auto has = [&](const DeviceProfile& member) { return rates_for(member, first.type) != nullptr; };
    if (!std::ranges::all_of(members, has)) continue;
    const auto of = [&](double wire::WeightRates::* rate) {
      return slowest(members, parts, [&](const DeviceProfile& m) { return rates_for(m, first.type)->*rate; });
    };
    common.push_back({.type = first.type,
                      .bits_per_weight = first.bits_per_weight,
                      .matvec_bytes_per_s = of(&wire::WeightRates::matvec_bytes_per_s),
                      .matmul_flops_per_s = of(&wire::WeightRates::matmul_flops_per_s)});
  }
  return common;
}

// What a member cannot compute with, the group cannot, and what one converts counts as if all did.
std::vector<wire::TypeLimit> limits_of_all(std::span<const DeviceProfile> members) {
  std::vector<wire::TypeLimit> all;
  for (const DeviceProfile& member : members) {
    for (const wire::TypeLimit& limit : member.limits) {
      const auto same = std::ranges::find_if(
          all, [&](const wire::TypeLimit& known) { return known.type == limit.type && known.use == limit.use; });
      if (same == all.end()) {
        all.push_back(limit);
      } else if (limit.held_as.empty() || (!same->held_as.empty() && limit.growth > same->growth)) {
        *same = limit;
      }
    }
  }
  return all;
}

std::string name_of(std::span<const DeviceProfile> members) {
  const std::string& first = members.front().name;
  if (std::ranges::all_of(members, [&](const DeviceProfile& member) { return member.name == first; }))
    return std::format("{} x {}", members.size(), first.substr(0, 100));
  std::string text;
  for (const DeviceProfile& member : members) text += (text.empty() ? "" : " and ") + member.name;
  return text.substr(0, 120);
}

}  // namespace

bool names_group(std::string_view id) { return id.contains('+'); }

bool has_member(std::string_view id, std::string_view device) {
  return std::ranges::contains(wire::group_members(id), device);
}

Result<std::vector<const gpu::Device*>> devices_of(const gpu::Machine& machine, std::string_view id) {
  std::vector<const gpu::Device*> devices;
  for (const std::string_view name : wire::group_members(id)) {
    EXO_TRY(const gpu::Device* device, machine.find(name));
    devices.push_back(device);
  }
  if (devices.size() > engine::kMembersMax)
    return fail(ErrorCode::invalid_argument, "a group of {} devices is not possible; choose at most {}", devices.size(),
                engine::kMembersMax);
  return devices;
}

Result<engine::GroupDevices> group_of(const gpu::Machine& machine, const std::string& id, const GroupShares& shares) {
  engine::GroupDevices group;
  EXO_TRY(group.devices, devices_of(machine, id));
  if (const auto known = shares.find(id); known != shares.end()) group.shares = known->second;
  return group;
}

std::vector<double> shares_by_speed(std::span<const DeviceProfile> members) {
  std::vector<double> shares;
  for (const DeviceProfile& member : members) {
    const wire::WeightRates* usual = rates_for(member, "q4_K");
    if (usual == nullptr) usual = &member.rates.front();
    // Members on one device divide it.
    const auto same = std::ranges::count(members, member.id, &DeviceProfile::id);
    shares.push_back(usual->matvec_bytes_per_s / static_cast<double>(same));
  }
  return shares;
}

// Each its part, in its own memory or in its node's, which some share.
Bytes group_memory(std::span<const DeviceProfile> members, std::span<const double> shares) {
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  double least = std::numeric_limits<double>::infinity();
  struct Host {
    double part = 0;
    Bytes free = 0;
  };
  std::map<wire::NodeId, Host> hosts;
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].uses_host_memory) {
      Host& host = hosts[members[i].id.node];
      host.part += shares[i] / total;
      host.free = std::max(host.free, members[i].memory_free);
    } else {
      least = std::min(least, static_cast<double>(members[i].memory_free) * total / shares[i]);
    }
  }
  for (const auto& [node, host] : hosts) least = std::min(least, static_cast<double>(host.free) / host.part);
  return static_cast<Bytes>(least);
}

DeviceProfile group_profile(const std::string& id, std::span<const DeviceProfile> members,
                            std::span<const double> shares, const engine::ExchangeCost& exchange) {
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  std::vector<double> parts;
  std::vector<DeviceProfile> each(members.begin(), members.end());
  for (size_t i = 0; i < each.size(); ++i) {
    parts.push_back(shares[i] / total);
    const auto same = static_cast<double>(std::ranges::count(members, members[i].id, &DeviceProfile::id));
    each[i].memory_bytes_per_s /= same;
    for (wire::WeightRates& rates : each[i].rates) {
      rates.matvec_bytes_per_s /= same;
      rates.matmul_flops_per_s /= same;
    }
  }
  DeviceProfile group = members.front();
  group.id.device = id;
  group.name = name_of(members);
  group.uses_host_memory = std::ranges::any_of(members, &DeviceProfile::uses_host_memory);
  group.memory_free = group_memory(members, shares);
  group.memory_bytes_per_s = slowest(each, parts, [](const DeviceProfile& m) { return m.memory_bytes_per_s; });
  group.rates = common_rates(each, parts);
  group.step_s = most(members, [](const DeviceProfile& m) { return m.step_s; });
  group.fixed_columns = most(members, [](const DeviceProfile& m) { return m.fixed_columns; });
  group.limits = limits_of_all(members);
  group.exchange_s = kOutputsOfLayer * exchange.few_s;
  group.exchange_bytes_per_s = exchange.bytes_per_s;
  return group;
}

}  // namespace exogpu::node
