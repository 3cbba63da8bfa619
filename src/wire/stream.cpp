#include "wire/stream.h"

#include <algorithm>

#include "proto/stream.pb.h"
#include "wire/proto_coding.h"

namespace exogpu::wire {

bool operator==(const StreamBytes& a, const StreamBytes& b) {
  return a.request == b.request && same(a.failure, b.failure) && a.type == b.type && a.offset == b.offset &&
         a.bytes == b.bytes && a.ended == b.ended;
}

ByteVector encode(const StreamRead& message) {
  proto::StreamRead out;
  out.set_request(message.request);
  out.set_stream(message.stream.value());
  out.set_owner(message.owner);
  out.set_from(message.from);
  out.set_bytes_max(message.bytes_max);
  out.set_stop(message.stop);
  return serialize(out);
}

template <>
Result<StreamRead> decode<StreamRead>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::StreamRead>(bytes, "stream read"));
  if (in.owner().size() != kStreamOwnerBytes) {
    return fail(ErrorCode::corrupt, "a stream read message whose owner has {} bytes", in.owner().size());
  }
  return StreamRead{.request = in.request(),
                    .stream = StreamId(in.stream()),
                    .owner = in.owner(),
                    .from = in.from(),
                    .bytes_max = std::clamp(in.bytes_max(), 1U, kStreamReadBytesMax),
                    .stop = in.stop()};
}

ByteVector encode(const StreamBytes& message) {
  proto::StreamBytes out;
  out.set_request(message.request);
  if (message.failure) set_failure(out.mutable_failure(), *message.failure);
  out.set_type(message.type);
  out.set_offset(message.offset);
  out.set_content(message.bytes);
  out.set_ended(message.ended);
  return serialize(out);
}

template <>
Result<StreamBytes> decode<StreamBytes>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::StreamBytes>(bytes, "stream bytes"));
  // It becomes a line of an HTTP header.
  const bool printable_type = std::ranges::all_of(in.type(), [](char c) { return c >= ' ' && c <= '~'; });
  if (in.type().size() > kStreamTypeCharsMax || !printable_type) {
    return fail(ErrorCode::corrupt, "a stream bytes message with a type that is none");
  }
  if (in.content().size() > kStreamReadBytesMax) {
    return fail(ErrorCode::corrupt, "a stream bytes message with {} bytes, at most {} are allowed", in.content().size(),
                kStreamReadBytesMax);
  }
  StreamBytes out{.request = in.request(), .type = in.type(), .offset = in.offset(), .bytes = in.content()};
  out.ended = in.ended();
  EXO_TRY(out.failure, failure_of(in, "stream bytes"));
  return out;
}

}  // namespace exogpu::wire
