#include "wire/group.h"

#include <algorithm>

#include "proto/group.pb.h"
#include "wire/proto_coding.h"

namespace exogpu::wire {
namespace {

void put_kind(proto::MemberCall& out, const MemberForward& in) {
  auto& forward = *out.mutable_forward();
  for (const MemberSpan& span : in.spans) {
    auto* to = forward.add_spans();
    to->set_sequence(span.sequence.value());
    to->set_position(span.position);
    to->set_count(span.count);
    to->set_outputs(span.outputs);
  }
  forward.mutable_tokens()->Add(in.tokens.begin(), in.tokens.end());
}

void put_kind(proto::MemberCall& out, const MemberTruncate& in) {
  out.mutable_truncate()->set_sequence(in.sequence.value());
  out.mutable_truncate()->set_end(in.end);
}

void put_kind(proto::MemberCall& out, const MemberCopy& in) {
  out.mutable_copy()->set_from(in.from.value());
  out.mutable_copy()->set_to(in.to.value());
  out.mutable_copy()->set_length(in.length);
}

void put_kind(proto::MemberCall& out, const MemberPlaces& in) {
  auto& places = *out.mutable_places();
  for (const Placement& place : in.places) {
    auto* to = places.add_places();
    to->set_sequence(place.sequence.value());
    to->set_begin(place.region.begin);
    to->set_rows(place.region.rows);
  }
}

void put_kind(proto::MemberCall& out, const MemberRelease&) { out.mutable_release(); }

Result<MemberForward> forward_of(const proto::MemberForward& in) {
  EXO_CHECK(within(in.spans_size(), kMemberSpansMax, "the sequences of a member's call"));
  MemberForward out;
  uint64_t tokens = 0;
  for (const auto& span : in.spans()) {
    out.spans.push_back({SeqId(span.sequence()), span.position(), span.count(), span.outputs()});
    tokens += span.count();
  }
  out.tokens.assign(in.tokens().begin(), in.tokens().end());
  if (!out.tokens.empty() && out.tokens.size() != tokens)
    return fail(ErrorCode::corrupt, "a member's call for {} tokens that has {}", tokens, out.tokens.size());
  return out;
}

Result<MemberPlaces> places_of(const proto::MemberPlaces& in) {
  EXO_CHECK(within(in.places_size(), kMemberSpansMax, "the sequences of a member's call"));
  MemberPlaces out;
  for (const auto& place : in.places())
    out.places.push_back(
        {.sequence = SeqId(place.sequence()), .region = {.begin = place.begin(), .rows = place.rows()}});
  return out;
}

}  // namespace

bool operator==(const MemberPlaces& a, const MemberPlaces& b) {
  return std::ranges::equal(a.places, b.places, [](const Placement& one, const Placement& other) {
    return one.sequence == other.sequence && one.region == other.region;
  });
}
bool operator==(const MemberReply& a, const MemberReply& b) { return same(a.failure, b.failure); }

ByteVector encode(const MemberCall& message) {
  proto::MemberCall out;
  std::visit([&](const auto& kind) { put_kind(out, kind); }, message.kind);
  return serialize(out);
}

ByteVector encode(const MemberReply& message) {
  proto::MemberReply out;
  if (message.failure) set_failure(out.mutable_failure(), *message.failure);
  return serialize(out);
}

template <>
Result<MemberCall> decode<MemberCall>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::MemberCall>(bytes, "member call"));
  switch (in.kind_case()) {
    case proto::MemberCall::kForward: {
      EXO_TRY(MemberForward forward, forward_of(in.forward()));
      return MemberCall{std::move(forward)};
    }
    case proto::MemberCall::kTruncate:
      return MemberCall{MemberTruncate{SeqId(in.truncate().sequence()), in.truncate().end()}};
    case proto::MemberCall::kCopy:
      return MemberCall{MemberCopy{SeqId(in.copy().from()), SeqId(in.copy().to()), in.copy().length()}};
    case proto::MemberCall::kPlaces: {
      EXO_TRY(MemberPlaces places, places_of(in.places()));
      return MemberCall{std::move(places)};
    }
    case proto::MemberCall::kRelease: return MemberCall{MemberRelease{}};
    case proto::MemberCall::KIND_NOT_SET: break;
  }
  return fail(ErrorCode::corrupt, "a member's call of a kind that is not known here");
}

template <>
Result<MemberReply> decode<MemberReply>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::MemberReply>(bytes, "member reply"));
  MemberReply out;
  EXO_TRY(out.failure, failure_of(in, "member reply"));
  return out;
}

}  // namespace exogpu::wire
