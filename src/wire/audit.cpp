#include "wire/audit.h"

#include "wire/cluster_coding.h"

namespace exogpu::wire {
namespace {

void put(proto::AuditPoint& out, const AuditPoint& in) {
  out.set_number(in.number);
  out.set_hash(text_of(in.hash));
}

Result<AuditPoint> point_of(const proto::AuditPoint& in) {
  const auto hash = AuditHash::from_bytes(bytes_of(in.hash()));
  if (!hash) return fail(ErrorCode::corrupt, "the hash of an audit entry has {} bytes", in.hash().size());
  return AuditPoint{.number = in.number(), .hash = *hash};
}

}  // namespace

ByteVector encode(const AuditHead& message) {
  proto::AuditHead out;
  put(*out.mutable_point(), message.point);
  return serialize(out);
}

template <>
Result<AuditHead> decode<AuditHead>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::AuditHead>(bytes, "audit head"));
  EXO_TRY(const AuditPoint point, point_of(in.point()));
  return AuditHead{.point = point};
}

ByteVector encode(const AuditAnchors& message) {
  proto::AuditAnchors out;
  for (const AuditPoint& point : message.points) put(*out.add_points(), point);
  return serialize(out);
}

template <>
Result<AuditAnchors> decode<AuditAnchors>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::AuditAnchors>(bytes, "audit anchors"));
  EXO_CHECK(within(in.points_size(), kAuditPointsMax, "the points of audit anchors"));
  AuditAnchors out;
  for (const proto::AuditPoint& field : in.points()) {
    EXO_TRY(const AuditPoint point, point_of(field));
    out.points.push_back(point);
  }
  return out;
}

}  // namespace exogpu::wire
