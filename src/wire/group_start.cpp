#include "wire/group_start.h"

#include <algorithm>
#include <cmath>

#include "proto/group.pb.h"
#include "wire/cluster_coding.h"

namespace exogpu::wire {
namespace {

void put_load(proto::MemberLoad& out, const MemberLoad& in) {
  out.set_content(in.content);
  out.set_layers_begin(in.layers.begin);
  out.set_layers_end(in.layers.end);
  out.set_model_layers(in.model_layers);
  put(*out.mutable_settings(), in.settings);
  out.mutable_shares()->Add(in.shares.begin(), in.shares.end());
}

void put_hello(proto::MemberHello& out, const MemberStart& in) {
  auto& start = *out.mutable_start();
  start.set_group(in.group.value());
  start.set_rank(in.rank);
  for (const Member& member : in.members)
    put(*start.add_members(), NodeInfo{.self = member, .devices = {}, .links = {}});
  start.set_device(text(in.device));
  if (in.load) put_load(*start.mutable_load(), *in.load);
}

void put_hello(proto::MemberHello& out, const MemberMeet& in) {
  out.mutable_meet()->set_group(in.group.value());
  out.mutable_meet()->set_rank(in.rank);
}

Result<MemberLoad> load_of(const proto::MemberLoad& in, size_t members) {
  MemberLoad out;
  EXO_TRY(out.content, name_of(in.content(), "the content of a member's layers"));
  if (in.layers_begin() >= in.layers_end() || in.layers_end() > in.model_layers())
    return fail(ErrorCode::corrupt, "a member's layers {} to {} of {}", in.layers_begin(), in.layers_end(),
                in.model_layers());
  out.layers = {in.layers_begin(), in.layers_end()};
  out.model_layers = in.model_layers();
  EXO_TRY(out.settings, settings_of(in.settings(), "a group"));
  out.shares.assign(in.shares().begin(), in.shares().end());
  if (out.shares.size() != members ||
      !std::ranges::all_of(out.shares, [](double share) { return std::isfinite(share) && share > 0; }))
    return fail(ErrorCode::corrupt, "the shares of a group's {} members are not so many positive numbers", members);
  return out;
}

Result<MemberStart> start_of(const proto::MemberStart& in) {
  MemberStart out{.group = GroupId(in.group()), .rank = in.rank()};
  EXO_CHECK(within(in.members_size(), kGroupMembersMax, "the members of a group"));
  for (const auto& field : in.members()) {
    EXO_TRY(NodeInfo node, node_info_of(field));
    out.members.push_back(std::move(node.self));
  }
  if (out.rank == 0 || out.rank >= out.members.size())
    return fail(ErrorCode::corrupt, "a group of {} has no other member {}", out.members.size(), out.rank);
  EXO_TRY(out.device, name_of(in.device(), "the device of a member"));
  if (in.has_load()) {
    EXO_TRY(out.load, load_of(in.load(), out.members.size()));
  }
  return out;
}

}  // namespace

ByteVector encode(const MemberHello& message) {
  proto::MemberHello out;
  std::visit([&](const auto& kind) { put_hello(out, kind); }, message);
  return serialize(out);
}

ByteVector encode(const MemberDevices& message) {
  proto::MemberDevices out;
  put(*out.mutable_node(), message.node);
  return serialize(out);
}

template <>
Result<MemberHello> decode<MemberHello>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::MemberHello>(bytes, "member hello"));
  if (in.has_start()) return start_of(in.start());
  if (in.has_meet()) return MemberMeet{.group = GroupId(in.meet().group()), .rank = in.meet().rank()};
  return fail(ErrorCode::corrupt, "a member's first message is of a kind that is not known here");
}

template <>
Result<MemberDevices> decode<MemberDevices>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::MemberDevices>(bytes, "member devices"));
  MemberDevices out;
  EXO_TRY(out.node, node_info_of(in.node()));
  return out;
}

}  // namespace exogpu::wire
