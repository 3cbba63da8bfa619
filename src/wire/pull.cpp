#include "wire/pull.h"

#include "wire/cluster_coding.h"

namespace exogpu::wire {

bool operator==(const PullReport& a, const PullReport& b) {
  return a.asker == b.asker && a.request == b.request && a.source == b.source && a.file == b.file &&
         a.files == b.files && a.done == b.done && a.total == b.total && a.ended == b.ended && a.model == b.model &&
         same(a.failure, b.failure);
}

ByteVector encode(const PullQuery& message) {
  proto::PullQuery out;
  out.set_request(message.request);
  return serialize(out);
}

template <>
Result<PullQuery> decode<PullQuery>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::PullQuery>(bytes, "pull query"));
  return PullQuery{.request = in.request()};
}

ByteVector encode(const PullRoom& message) {
  proto::PullRoom out;
  out.set_request(message.request);
  if (message.bytes_free) out.set_bytes_free(*message.bytes_free);
  return serialize(out);
}

template <>
Result<PullRoom> decode<PullRoom>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::PullRoom>(bytes, "pull room"));
  PullRoom out{.request = in.request()};
  if (in.has_bytes_free()) out.bytes_free = in.bytes_free();
  return out;
}

ByteVector encode(const PullModel& message) {
  proto::PullModel out;
  out.set_request(message.request);
  out.set_source(text(message.source, kPullSourceCharsMax));
  return serialize(out);
}

template <>
Result<PullModel> decode<PullModel>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::PullModel>(bytes, "pull model"));
  PullModel out{.request = in.request(), .source = {}};
  EXO_TRY(out.source, name_of(in.source(), "the source of a model to pull", kPullSourceCharsMax));
  return out;
}

ByteVector encode(const PullCancel& message) {
  proto::PullCancel out;
  out.set_request(message.request);
  return serialize(out);
}

template <>
Result<PullCancel> decode<PullCancel>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::PullCancel>(bytes, "pull cancel"));
  return PullCancel{.request = in.request()};
}

ByteVector encode(const PullReport& message) {
  proto::PullReport out;
  out.set_asker(text_of(message.asker));
  out.set_request(message.request);
  out.set_source(text(message.source, kPullSourceCharsMax));
  out.set_file(message.file);
  out.set_files(message.files);
  out.set_done(message.done);
  out.set_total(message.total);
  out.set_ended(message.ended);
  out.set_model(text(message.model));
  if (message.failure) set_failure(out.mutable_failure(), *message.failure);
  return serialize(out);
}

template <>
Result<PullReport> decode<PullReport>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::PullReport>(bytes, "pull report"));
  PullReport out{.asker = {},
                 .request = in.request(),
                 .source = {},
                 .file = in.file(),
                 .files = in.files(),
                 .done = in.done(),
                 .total = in.total(),
                 .ended = in.ended()};
  EXO_TRY(out.asker, node_of(in.asker(), "the node that a pull was asked of"));
  EXO_TRY(out.source, name_of(in.source(), "the source of a pull", kPullSourceCharsMax));
  EXO_TRY(out.model, name_of(in.model(), "the name of a model that was pulled"));
  EXO_TRY(out.failure, failure_of(in, "pull report"));
  return out;
}

}  // namespace exogpu::wire
