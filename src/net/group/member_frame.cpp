#include "net/group/member_frame.h"

namespace exogpu::net {
namespace {

void put_u32(std::span<std::byte> out, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) out[i] = static_cast<std::byte>(value >> (8 * i));
}

uint32_t u32_of(std::span<const std::byte> in) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= static_cast<uint32_t>(in[i]) << (8 * i);
  return value;
}

}  // namespace

void write_head(const MemberFrameHead& head, std::span<std::byte> out) {
  put_u32(out.subspan(0), head.step);
  put_u32(out.subspan(4), head.operation);
  put_u32(out.subspan(8), head.bytes);
  put_u32(out.subspan(12), static_cast<uint32_t>(head.kind));
}

Result<MemberFrameHead> read_head(std::span<const std::byte, kMemberHeadBytes> in) {
  const uint32_t kind = u32_of(in.subspan(12));
  if (kind < static_cast<uint32_t>(MemberFrameKind::values) || kind > static_cast<uint32_t>(MemberFrameKind::abandoned))
    return fail(ErrorCode::corrupt, "a frame between members of a kind that is not known here ({})", kind);
  return MemberFrameHead{.step = u32_of(in),
                         .operation = u32_of(in.subspan(4)),
                         .bytes = u32_of(in.subspan(8)),
                         .kind = static_cast<MemberFrameKind>(kind)};
}

}  // namespace exogpu::net
