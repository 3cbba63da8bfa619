// What members of a group send each other: frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace exogpu::net {

enum class MemberFrameKind : uint8_t {
  values = 1,     // partial sums, or a part of a result
  message = 2,    // of wire/group.h
  abandoned = 3,  // the sender failed in this step: nobody should wait for its values
};

// What stands before the bytes of a frame, in 16 bytes (little-endian): u32 step, u32 operation, u32 bytes, u8 kind,
// and three of zero.
struct MemberFrameHead {
  uint32_t step = 0;       // of the group: a call of its first member
  uint32_t operation = 0;  // within the step
  uint32_t bytes = 0;      // that follow
  MemberFrameKind kind = MemberFrameKind::values;
  friend bool operator==(const MemberFrameHead&, const MemberFrameHead&) = default;
};
inline constexpr size_t kMemberHeadBytes = 16;

void write_head(const MemberFrameHead& head, std::span<std::byte> out);
// Errors: corrupt.
Result<MemberFrameHead> read_head(std::span<const std::byte, kMemberHeadBytes> in);

}  // namespace exogpu::net
