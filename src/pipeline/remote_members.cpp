#include "pipeline/remote_members.h"

#include <algorithm>
#include <utility>

#include "base/units.h"

namespace exogpu::pipeline {
namespace {

using engine::Batch;

constexpr size_t kHeadFloats = net::kMemberHeadBytes / sizeof(float);

// A call as it travels; activations do not belong to it.
struct Encoder {
  wire::MemberCall operator()(const Batch& batch) const {
    wire::MemberForward forward;
    for (const engine::SequenceTokens& s : batch.sequences)
      forward.spans.push_back({s.sequence, s.position, s.count, s.outputs});
    forward.tokens.assign(batch.tokens.begin(), batch.tokens.end());
    return {std::move(forward)};
  }
  wire::MemberCall operator()(const engine::TruncateCall& call) const {
    return {wire::MemberTruncate{call.sequence, call.end}};
  }
  wire::MemberCall operator()(const engine::CopyPrefixCall& call) const {
    return {wire::MemberCopy{call.from, call.to, call.length}};
  }
  wire::MemberCall operator()(const engine::PlaceCall& call) const {
    return {wire::MemberPlaces{{call.placements.begin(), call.placements.end()}}};
  }
  wire::MemberCall operator()(const engine::ReleaseRowsCall&) const { return {wire::MemberRelease{}}; }
};

// A member's part in the calls of the first one.
class Follower {
 public:
  Follower(net::Mesh& mesh, engine::Shard& shard) : mesh_(mesh), shard_(shard) {}

  // Errors: of the connection; a call that fails is answered.
  Result<void> next() {
    EXO_TRY(const wire::ByteVector bytes, mesh_.receive_call());
    EXO_TRY(const wire::MemberCall call, wire::decode<wire::MemberCall>(bytes));
    const auto result = std::visit([this](const auto& kind) { return act(kind); }, call.kind);
    wire::MemberReply reply;
    if (!result) reply.failure = result.error();
    return mesh_.send_message(0, wire::encode(reply));
  }

 private:
  Result<void> act(const wire::MemberForward& forward) {
    spans_.clear();
    for (const wire::MemberSpan& s : forward.spans) spans_.push_back({s.sequence, s.position, s.count, s.outputs});
    Batch batch{.sequences = spans_, .tokens = forward.tokens, .activations = {}};
    if (shard_.layers().begin > 0) {
      EXO_TRY(batch.activations, receive_values());
    }
    return engine::do_call(shard_, batch);
  }
  Result<void> act(const wire::MemberTruncate& truncate) { return shard_.truncate(truncate.sequence, truncate.end); }
  Result<void> act(const wire::MemberCopy& copy) { return shard_.copy_prefix(copy.from, copy.to, copy.length); }
  Result<void> act(const wire::MemberPlaces& places) { return shard_.place(places.places); }
  Result<void> act(const wire::MemberRelease&) { return engine::do_call(shard_, engine::ReleaseRowsCall{}); }

  // The activations of the spans.
  Result<std::span<const float>> receive_values() {
    uint64_t tokens = 0;
    for (const engine::SequenceTokens& s : spans_) tokens += s.count;
    if (tokens > shard_.options().batch_tokens) {
      mesh_.abandon();
      return fail(ErrorCode::invalid_argument, "a step of {} tokens; this member takes {}", tokens,
                  shard_.options().batch_tokens);
    }
    values_.resize(tokens * shard_.architecture().activation_width());
    const net::MeshIncoming in{.rank = 0, .payload = std::as_writable_bytes(std::span(values_))};
    EXO_CHECK(mesh_.transfer({}, {&in, 1}));
    return values_;
  }

  net::Mesh& mesh_;
  engine::Shard& shard_;
  std::vector<engine::SequenceTokens> spans_;
  std::vector<float> values_;
};

}  // namespace

RemoteMembers::RemoteMembers(std::shared_ptr<net::Mesh> mesh)
    : mesh_(std::move(mesh)), results_(mesh_->members() - 1) {}

void RemoteMembers::begin(const engine::GroupCall& call) {
  mesh_->begin_step();
  begun_ = send(call);
  if (!begun_) mesh_->abandon();  // the first member does not wait for the others
}

Result<void> RemoteMembers::send(const engine::GroupCall& call) {
  const wire::ByteVector message = wire::encode(std::visit(Encoder(), call));
  if (message.size() > wire::kControlBytesMax)
    return fail(ErrorCode::invalid_argument, "a step of {} for the members of a group", format_bytes(message.size()));
  for (uint32_t rank = 1; rank < mesh_->members(); ++rank) EXO_CHECK(mesh_->send_message(rank, message));
  const auto* batch = std::get_if<Batch>(&call);
  return batch != nullptr && batch->tokens.empty() ? send_values(batch->activations) : Result<void>();
}

Result<void> RemoteMembers::send_values(std::span<const float> values) {
  frame_.resize(kHeadFloats + values.size());
  std::ranges::copy(values, frame_.begin() + kHeadFloats);
  std::vector<net::MeshOutgoing> out;
  for (uint32_t rank = 1; rank < mesh_->members(); ++rank)
    out.push_back({rank, std::as_writable_bytes(std::span(frame_))});
  return mesh_->transfer(out, {});
}

std::span<const Result<void>> RemoteMembers::end() {
  for (uint32_t rank = 1; rank < mesh_->members(); ++rank) results_[rank - 1] = begun_ ? reply_of(rank) : begun_;
  return results_;
}

Result<void> RemoteMembers::reply_of(uint32_t rank) {
  EXO_TRY(const wire::ByteVector bytes, mesh_->receive_message(rank));
  EXO_TRY(const wire::MemberReply reply, wire::decode<wire::MemberReply>(bytes));
  if (!reply.failure) return {};
  return fail(reply.failure->code, "member {} of the group: {}", rank, reply.failure->message);
}

Error follow(net::Mesh& mesh, engine::Shard& shard) {
  Follower follower(mesh, shard);
  while (true)
    if (const auto done = follower.next(); !done) return done.error();
}

}  // namespace exogpu::pipeline
