// How the connections of a group's members begin (proto/group.proto).
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "wire/cluster.h"
#include "wire/layer_range.h"
#include "wire/messages.h"
#include "wire/serving_settings.h"

namespace exogpu::wire {

inline constexpr size_t kGroupMembersMax = 64;

// A group that is being made; chosen at random by its first member.
using GroupId = Strong<uint64_t, struct GroupIdTag>;

// Which layers of which model a member has its part of.
struct MemberLoad {
  std::string content{};
  LayerRange layers{};
  uint32_t model_layers = 0;
  ServingSettings settings{};
  std::vector<double> shares{};  // of all members, by rank; positive
  friend bool operator==(const MemberLoad&, const MemberLoad&) = default;
};

// From the first member: the receiver is to be one, too, with this rank. It connects to those of higher ranks.
struct MemberStart {
  GroupId group{};
  uint32_t rank = 0;
  std::vector<Member> members{};     // their nodes, by rank
  std::string device{};              // of the receiver
  std::optional<MemberLoad> load{};  // none: the receiver's devices and a trial of the exchange are asked for
  friend bool operator==(const MemberStart&, const MemberStart&) = default;
};

// From a member of a lower rank: a connection for a group that the receiver was started for, or is about to be.
struct MemberMeet {
  GroupId group{};
  uint32_t rank = 0;
  friend bool operator==(const MemberMeet&, const MemberMeet&) = default;
};

// The first message of a connection.
using MemberHello = std::variant<MemberStart, MemberMeet>;

// The answer of a member that was started for a trial.
struct MemberDevices {
  NodeInfo node{};
};

ByteVector encode(const MemberHello& message);
ByteVector encode(const MemberDevices& message);

template <>
Result<MemberHello> decode<MemberHello>(std::span<const std::byte> bytes);
template <>
Result<MemberDevices> decode<MemberDevices>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
