// What a user wants a node to be from now on: the message by which the node that was asked passes it on, and what that
// node keeps in its state folder (proto/cluster.proto).
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "wire/frame.h"
#include "wire/messages.h"
#include "wire/owner_limits.h"

namespace exogpu::wire {

struct NodeSettings {
  static constexpr ControlType kType = ControlType::node_settings;
  std::optional<std::string> name{};  // absent: that does not change
  std::string name_option{};          // in the state folder only: what --name said when the name was given
  // As a message, what changes; in the state folder, all of the node's limits, if they were changed.
  std::optional<LimitChanges> limits{};
  OwnerLimits limit_options{};  // in the state folder only: what the options said then
  friend bool operator==(const NodeSettings&, const NodeSettings&) = default;
};

ByteVector encode(const NodeSettings& message);
template <>
Result<NodeSettings> decode<NodeSettings>(std::span<const std::byte> bytes);

// Errors: invalid_argument: no node can have this name; the message says which can.
Result<void> check_node_name(const std::string& name);

}  // namespace exogpu::wire
