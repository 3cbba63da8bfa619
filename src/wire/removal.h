// Nodes that were removed from their cluster: the list that every node keeps, and that nodes send each other when they
// connect and when it grows (proto/cluster.proto). security/removal.h signs its records.
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.h"
#include "wire/frame.h"
#include "wire/messages.h"
#include "wire/node_id.h"

namespace exogpu::wire {

inline constexpr size_t kRemovalsMax = 1000;

struct Removal {
  NodeId node;             // that was removed; its id is never a member again
  NodeId by;               // the node that was asked to remove it
  uint64_t epoch = 0;      // one more than any that this node knew
  int64_t removed_s = 0;   // since 1970
  ByteVector signature{};  // with the authority's key
  friend bool operator==(const Removal&, const Removal&) = default;
};

struct Removals {
  static constexpr ControlType kType = ControlType::removals;
  std::vector<Removal> list{};  // of each node one
  friend bool operator==(const Removals&, const Removals&) = default;
};

ByteVector encode(const Removals& message);
template <>
Result<Removals> decode<Removals>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
