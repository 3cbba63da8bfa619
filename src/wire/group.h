// The messages between the members of a group that are on several nodes (proto/group.proto): the first has the others
// do what it does.
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/result.h"
#include "wire/ids.h"
#include "wire/messages.h"
#include "wire/region.h"
#include "wire/sampling.h"

namespace exogpu::wire {

inline constexpr size_t kMemberSpansMax = 65536;  // sequences of a call

// The next tokens of one sequence; the last `outputs` of them get logits.
struct MemberSpan {
  SeqId sequence{};
  uint32_t position = 0;  // of the first
  uint32_t count = 0;
  uint32_t outputs = 0;
  friend bool operator==(const MemberSpan&, const MemberSpan&) = default;
};

// To compute, with the others. Without tokens the activations of all spans follow as values.
struct MemberForward {
  std::vector<MemberSpan> spans{};
  std::vector<TokenId> tokens{};
  friend bool operator==(const MemberForward&, const MemberForward&) = default;
};
struct MemberTruncate {
  SeqId sequence{};
  uint32_t end = 0;  // tokens that remain
  friend bool operator==(const MemberTruncate&, const MemberTruncate&) = default;
};
struct MemberCopy {
  SeqId from{}, to{};
  uint32_t length = 0;
  friend bool operator==(const MemberCopy&, const MemberCopy&) = default;
};
struct MemberPlaces {
  std::vector<Placement> places{};
  friend bool operator==(const MemberPlaces&, const MemberPlaces&);
};
// The memory of rows without tokens goes back to the system.
struct MemberRelease {
  friend bool operator==(const MemberRelease&, const MemberRelease&) = default;
};

struct MemberCall {
  std::variant<MemberForward, MemberTruncate, MemberCopy, MemberPlaces, MemberRelease> kind;
  friend bool operator==(const MemberCall&, const MemberCall&) = default;
};

// What came of a call.
struct MemberReply {
  std::optional<Error> failure{};
  friend bool operator==(const MemberReply&, const MemberReply&);
};

ByteVector encode(const MemberCall& message);
ByteVector encode(const MemberReply& message);

template <>
Result<MemberCall> decode<MemberCall>(std::span<const std::byte> bytes);
template <>
Result<MemberReply> decode<MemberReply>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
