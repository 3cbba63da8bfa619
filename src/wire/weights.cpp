#include "wire/weights.h"

#include "proto/weights.pb.h"
#include "wire/proto_coding.h"

namespace exogpu::wire {
namespace {

template <typename Message>
Result<ContentId> content_of(const Message& in, std::string_view name) {
  const auto content = ContentId::from_bytes(bytes_of(in.content_id()));
  if (!content) return fail(ErrorCode::corrupt, "a {} message whose content id is not {} bytes", name, kContentIdBytes);
  return *content;
}

}  // namespace

ByteVector encode(const WeightsQuery& message) {
  proto::WeightsQuery out;
  out.set_content_id(text_of(message.content));
  return serialize(out);
}

template <>
Result<WeightsQuery> decode<WeightsQuery>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::WeightsQuery>(bytes, "weights query"));
  EXO_TRY(const ContentId content, content_of(in, "weights query"));
  return WeightsQuery{.content = content};
}

ByteVector encode(const WeightsAvailability& message) {
  proto::WeightsAvailability out;
  out.set_content_id(text_of(message.content));
  if (message.answer) {
    out.set_manifest_bytes(message.answer->manifest_bytes);
    out.set_objects(text_of(message.answer->objects));
  } else {
    out.set_refusal_code(std::string(to_string(message.answer.error().code)));
    out.set_refusal_message(cut(message.answer.error().message, kReasonCharsMax));
  }
  return serialize(out);
}

template <>
Result<WeightsAvailability> decode<WeightsAvailability>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::WeightsAvailability>(bytes, "weights availability"));
  EXO_TRY(const ContentId content, content_of(in, "weights availability"));
  if (!in.refusal_code().empty()) {
    EXO_TRY(Error refusal, error_of(in.refusal_code(), in.refusal_message(), "weights availability"));
    return WeightsAvailability{.content = content, .answer = std::unexpected(std::move(refusal))};
  }
  if (in.manifest_bytes() == 0 || in.manifest_bytes() > kManifestBytesMax) {
    return fail(ErrorCode::corrupt, "a weights availability message with a manifest of {} bytes; 1 to {} are allowed",
                in.manifest_bytes(), kManifestBytesMax);
  }
  if (in.objects().size() > kObjectsMax / 8) {
    return fail(ErrorCode::corrupt, "a weights availability message about {} objects, at most {} are allowed",
                format_count(uint64_t{8} * in.objects().size()), format_count(kObjectsMax));
  }
  const auto available = bytes_of(in.objects());
  return WeightsAvailability{.content = content,
                             .answer = AvailableObjects{.manifest_bytes = in.manifest_bytes(),
                                                        .objects = ByteVector(available.begin(), available.end())}};
}

ByteVector encode(const WeightsRequest& message) {
  proto::WeightsRequest out;
  out.set_transfer(message.transfer.value());
  out.set_content_id(text_of(message.content));
  if (message.object) out.set_object_plus_one(*message.object + 1);
  out.set_from(message.from);
  return serialize(out);
}

template <>
Result<WeightsRequest> decode<WeightsRequest>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::WeightsRequest>(bytes, "weights request"));
  EXO_TRY(const ContentId content, content_of(in, "weights request"));
  WeightsRequest out{
      .transfer = TransferId(in.transfer()), .content = content, .object = std::nullopt, .from = in.from()};
  if (in.object_plus_one() > 0) out.object = in.object_plus_one() - 1;
  return out;
}

ByteVector encode(const WeightsRefusal& message) {
  proto::WeightsRefusal out;
  out.set_transfer(message.transfer.value());
  out.set_code(std::string(to_string(message.reason.code)));
  out.set_message(cut(message.reason.message, kReasonCharsMax));
  return serialize(out);
}

template <>
Result<WeightsRefusal> decode<WeightsRefusal>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::WeightsRefusal>(bytes, "weights refusal"));
  EXO_TRY(Error reason, error_of(in.code(), in.message(), "weights refusal"));
  return WeightsRefusal{.transfer = TransferId(in.transfer()), .reason = std::move(reason)};
}

ByteVector encode(const WeightsStop& message) {
  proto::WeightsStop out;
  out.set_transfer(message.transfer.value());
  return serialize(out);
}

template <>
Result<WeightsStop> decode<WeightsStop>(std::span<const std::byte> bytes) {
  EXO_TRY(const auto in, parse<proto::WeightsStop>(bytes, "weights stop"));
  return WeightsStop{.transfer = TransferId(in.transfer())};
}

}  // namespace exogpu::wire
