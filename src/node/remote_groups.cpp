#include "node/remote_groups.h"

#include <algorithm>
#include <format>
#include <random>
#include <utility>

#include "base/log.h"
#include "engine/exchange_cost.h"
#include "node/device_group.h"
#include "node/group_mesh.h"
#include "pipeline/group_exchange.h"
#include "pipeline/remote_members.h"
#include "wire/device_group.h"
#include "wire/group.h"

namespace exogpu::node {
namespace {

constexpr std::chrono::seconds kTryAgain{5};
constexpr uint32_t kDoublings = 6;  // of that time, after attempts to load that failed

wire::GroupId random_group() {
  std::random_device entropy;
  return wire::GroupId(std::uniform_int_distribution<uint64_t>()(entropy));
}

// What a member says of its start. Loading takes any time.
Result<void> reply_of(net::Mesh& mesh, uint32_t rank, const wire::Member& member) {
  EXO_TRY(const auto bytes, mesh.receive_message(rank, true));
  EXO_TRY(const auto reply, wire::decode<wire::MemberReply>(bytes));
  if (!reply.failure) return {};
  return fail(reply.failure->code, "{}: {}", member.name, reply.failure->message);
}

bool has_node(std::span<const wire::Member> members, wire::NodeId node) {
  return std::ranges::contains(members, node, &wire::Member::node);
}

}  // namespace

Result<std::vector<std::string>> own_parts(std::span<const std::string> ids) {
  std::vector<std::string> own;
  for (const std::string& id : ids) {
    if (!RemoteGroups::names(id)) {
      own.push_back(id);
      continue;
    }
    const auto members = wire::group_members(id);
    const auto of_this_node = std::ranges::count_if(members, [](auto name) { return !name.contains('/'); });
    if (of_this_node != 1 || members.front().contains('/'))
      return fail(ErrorCode::invalid_argument,
                  "{}: a group with other nodes begins with one device of this one, for example cpu+laptop/cpu", id);
    own.emplace_back(members.front());
  }
  return own;
}

RemoteGroups::RemoteGroups(const gpu::Machine& machine, const security::TlsContext& tls,
                           std::span<const std::string> ids, wire::Member own, RemoteGroupsHost host)
    : machine_(machine), tls_(tls), own_(std::move(own)), host_(std::move(host)) {
  for (const std::string& id : ids) {
    if (!names(id)) continue;
    const auto members = wire::group_members(id);
    Group group{.id = id, .device = std::string(members.front()), .others = {}};
    for (const std::string_view member : std::span(members).subspan(1)) {
      const size_t slash = member.find('/');
      group.others.push_back(
          {.node = std::string(member.substr(0, slash)), .device = std::string(member.substr(slash + 1))});
    }
    groups_.push_back(std::move(group));
  }
}

// This node and the others, by rank; empty where one is not connected.
std::vector<wire::Member> RemoteGroups::nodes_of(const Group& group) const {
  std::vector<wire::Member> members = {own_};
  for (const Other& other : group.others) {
    auto member = host_.find_connected(other.node);
    if (!member) return {};
    members.push_back(*std::move(member));
  }
  return members;
}

void RemoteGroups::tick(cluster::Time now, std::span<const wire::DeviceProfile> own) {
  const MutexLock lock(mutex_);
  for (Group& group : groups_) {
    if (group.ready || group.preparing || now < group.again_at) continue;
    const auto profile = std::ranges::find(own, group.device, [](const auto& each) { return each.id.device; });
    auto members = nodes_of(group);
    if (members.empty() || profile == own.end()) continue;
    group.preparing = true;
    host_.in_background([this, group, members = std::move(members), profile = *profile]() mutable {
      auto how = prepare(group, std::move(members), profile);
      host_.post([this, id = group.id, how = std::move(how)]() mutable { prepared(id, std::move(how)); });
    });
  }
}

void RemoteGroups::prepared(const std::string& id, Result<Prepared> how) {
  {
    const MutexLock lock(mutex_);
    Group& group = *std::ranges::find(groups_, id, &Group::id);
    group.preparing = false;
    group.again_at = std::chrono::steady_clock::now() + kTryAgain;
    const std::string failure = how ? "" : how.error().message;
    if (std::exchange(group.failure, failure) != failure && !failure.empty())
      host_.note(std::format("{}: {}; trying again", id, failure));
    if (!how || nodes_of(group).empty()) return;
    group.ready = std::make_shared<const Prepared>(*std::move(how));
    log::info("node", "the group {} is there; the exchange of a token takes {:.0f} us", id,
              1e6 * group.ready->profile.exchange_s / 2);
  }
  host_.on_change();
}

Result<std::shared_ptr<net::Mesh>> RemoteGroups::connect(const Group& group, std::vector<wire::Member> members,
                                                         std::optional<wire::MemberLoad> load) {
  std::vector<std::string> devices;
  for (const Other& other : group.others) devices.push_back(other.device);
  EXO_TRY(
      auto mesh,
      start_group(tls_, {.group = random_group(), .rank = 0, .members = members, .device = {}, .load = std::move(load)},
                  devices));
  const MutexLock lock(mutex_);
  if (stopped_) return fail(ErrorCode::cancelled, "the node is stopping");
  std::erase_if(running_, [](const Running& each) { return each.mesh.expired(); });
  running_.push_back({.members = std::move(members), .mesh = mesh});
  return mesh;
}

void RemoteGroups::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  for (const Running& each : running_)
    if (const auto mesh = each.mesh.lock()) mesh->interrupt({ErrorCode::cancelled, "the node is stopping"});
}

// The others' devices, and what the exchange with them costs.
Result<RemoteGroups::Prepared> RemoteGroups::prepare(const Group& group, std::vector<wire::Member> members,
                                                     const wire::DeviceProfile& own) {
  EXO_TRY(const gpu::Device* device, machine_.find(group.device));
  EXO_TRY(const auto mesh, connect(group, members, {}));
  std::vector<wire::DeviceProfile> profiles = {own};
  for (uint32_t rank = 1; rank < members.size(); ++rank) {
    EXO_CHECK(reply_of(*mesh, rank, members[rank]));
    EXO_TRY(const auto bytes, mesh->receive_message(rank));
    EXO_TRY(auto theirs, wire::decode<wire::MemberDevices>(bytes));
    const std::string& name = group.others[rank - 1].device;
    const auto found =
        std::ranges::find(theirs.node.devices, name, [](const auto& profile) { return profile.id.device; });
    if (found == theirs.node.devices.end())
      return fail(ErrorCode::not_found, "{} has no device {}", members[rank].name, name);
    profiles.push_back(std::move(*found));
  }
  pipeline::GroupExchange exchange(mesh, wire::Dtype::f32, std::vector<uint32_t>());
  EXO_TRY(const engine::ExchangeCost cost, engine::measure_exchange(*device, exchange));
  std::vector<double> shares = shares_by_speed(profiles);
  wire::DeviceProfile profile = group_profile(group.id, profiles, shares, cost);
  if (profile.rates.empty())
    return fail(ErrorCode::unsupported, "the devices were measured with no common type of weights");
  return Prepared{.members = std::move(members), .shares = std::move(shares), .profile = std::move(profile)};
}

void RemoteGroups::on_down(wire::NodeId node) {
  bool changed = false;
  {
    const MutexLock lock(mutex_);
    for (Group& group : groups_)
      if (group.ready && has_node(group.ready->members, node)) {
        group.ready = nullptr;
        changed = true;
      }
    for (const Running& each : running_)
      if (has_node(each.members, node))
        if (const auto mesh = each.mesh.lock())
          mesh->interrupt({ErrorCode::unavailable, "a member of the group is offline"});
  }
  if (changed) host_.on_change();
}

std::vector<wire::DeviceProfile> RemoteGroups::offered(std::vector<wire::DeviceProfile> own) const {
  const MutexLock lock(mutex_);
  for (const Group& group : groups_) {
    if (!group.ready) continue;
    const auto device = std::ranges::find(own, group.device, [](const auto& each) { return each.id.device; });
    if (device == own.end()) continue;
    const std::string node_name = device->node_name;
    *device = group.ready->profile;
    device->node_name = node_name;
  }
  return own;
}

Result<engine::ShardGroup> RemoteGroups::load(const model::Gguf& file, const std::string& device, wire::MemberLoad part,
                                              const engine::ShardOptions& options, const engine::Progress& progress,
                                              const std::stop_token& stop) {
  std::optional<Group> group;
  {
    const MutexLock lock(mutex_);
    const auto found = std::ranges::find(groups_, device, &Group::id);
    if (found == groups_.end() || !found->ready)
      return fail(ErrorCode::unavailable, "{}: a node of the group is not there", device);
    group = *found;
  }
  auto shard = load_with(*group, file, std::move(part), options, progress, stop);
  if (!stop.stop_requested()) host_.post([this, device, well = shard.has_value()] { loaded(device, well); });
  return shard;
}

void RemoteGroups::loaded(const std::string& id, bool well) {
  {
    const MutexLock lock(mutex_);
    Group& group = *std::ranges::find(groups_, id, &Group::id);
    if (well) group.failed = 0;
    if (well || !group.ready) return;
    group.ready = nullptr;
    group.again_at = std::chrono::steady_clock::now() + kTryAgain * (1U << std::min(group.failed++, kDoublings));
  }
  host_.on_change();
}

Result<engine::ShardGroup> RemoteGroups::load_with(const Group& group, const model::Gguf& file, wire::MemberLoad part,
                                                   const engine::ShardOptions& options,
                                                   const engine::Progress& progress, const std::stop_token& stop) {
  EXO_TRY(const gpu::Device* device, machine_.find(group.device));
  const Prepared& with = *group.ready;
  part.shares = with.shares;
  EXO_TRY(const auto mesh, connect(group, with.members, part));
  const std::stop_callback interrupt(
      stop, [&] { mesh->interrupt({ErrorCode::cancelled, "the group is not needed any more"}); });
  const engine::LoneMember member{
      .device = device, .shares = with.shares, .rank = 0, .exchange = [&](std::span<const engine::MemberCut> cuts) {
        return std::make_shared<pipeline::GroupExchange>(mesh, part.settings.activations, cuts);
      }};
  EXO_TRY(engine::Shard first, engine::load_member(file, part.layers, member, options, progress, stop));
  for (uint32_t rank = 1; rank < with.members.size(); ++rank) EXO_CHECK(reply_of(*mesh, rank, with.members[rank]));
  return engine::ShardGroup(std::move(first), std::make_unique<pipeline::RemoteMembers>(mesh));
}

}  // namespace exogpu::node
