// The messages by which nodes keep the heads of each other's audit chains (proto/cluster.proto), so that a chain whose
// end was cut off is found out. security/audit/ explains the chain.
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <vector>

#include "wire/frame.h"
#include "wire/hash_id.h"
#include "wire/messages.h"

namespace exogpu::wire {

inline constexpr size_t kAuditPointsMax = 128;  // of a message

using AuditHash = HashId<struct AuditHashTag, 32>;  // SHA-256 of an entry's line

// An entry of a chain.
struct AuditPoint {
  uint64_t number = 0;  // counts from 1; 0: the chain is empty
  AuditHash hash;
  friend bool operator==(const AuditPoint&, const AuditPoint&) = default;
};

// The last entry of the sender's chain.
struct AuditHead {
  static constexpr ControlType kType = ControlType::audit_head;
  AuditPoint point;
  friend bool operator==(const AuditHead&, const AuditHead&) = default;
};

// Entries of the receiver's chain that the sender has in its own, the latest last.
struct AuditAnchors {
  static constexpr ControlType kType = ControlType::audit_anchors;
  std::vector<AuditPoint> points;
  friend bool operator==(const AuditAnchors&, const AuditAnchors&) = default;
};

ByteVector encode(const AuditHead& message);
ByteVector encode(const AuditAnchors& message);

template <>
Result<AuditHead> decode<AuditHead>(std::span<const std::byte> bytes);
template <>
Result<AuditAnchors> decode<AuditAnchors>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
