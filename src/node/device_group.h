// Several devices of a node that compute each layer together, as one device of the plan: "cuda0+cuda1".
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/exchange_cost.h"
#include "engine/shard_group.h"
#include "gpu/device.h"
#include "wire/device_profile.h"

namespace exogpu::node {

// The shares of the members, by the group's id.
using GroupShares = std::map<std::string, std::vector<double>, std::less<>>;

// Whether an id names a group: devices with + between them.
bool names_group(std::string_view id);
// Whether `device` is what the id names, or one of its members.
bool has_member(std::string_view id, std::string_view device);

// The devices that an id names, of a group or a single one; a member may be there several times.
// Errors: those of Machine::find(), invalid_argument (too many members).
Result<std::vector<const gpu::Device*>> devices_of(const gpu::Machine& machine, std::string_view id);

// What a shard of the plan is loaded on. Errors: those of devices_of().
Result<engine::GroupDevices> group_of(const gpu::Machine& machine, const std::string& id, const GroupShares& shares);

// As fast as each member reads weights, so that all end at once.
std::vector<double> shares_by_speed(std::span<const wire::DeviceProfile> members);

// The most of a model that the members hold together, of at least one member, each with its share.
Bytes group_memory(std::span<const wire::DeviceProfile> members, std::span<const double> shares);

// The group as a planner sees it: its slowest member decides, and each layer has its exchanges. `members` are at least
// one, with their shares.
wire::DeviceProfile group_profile(const std::string& id, std::span<const wire::DeviceProfile> members,
                                  std::span<const double> shares, const engine::ExchangeCost& exchange);

}  // namespace exogpu::node
