// The messages about weights (proto/weights.proto). decode() as in messages.h. Errors: corrupt, naming the message and
// the field.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "wire/content_id.h"
#include "wire/ids.h"
#include "wire/messages.h"

namespace exogpu::wire {

inline constexpr Bytes kManifestBytesMax = 64 * MiB;
inline constexpr uint32_t kObjectsMax = 1 << 20;  // of one model: the headers of its files, and its tensors

// Asks which objects of this model the receiver has.
struct WeightsQuery {
  static constexpr ControlType kType = ControlType::weights_query;
  ContentId content;
  friend bool operator==(const WeightsQuery&, const WeightsQuery&) = default;
};

struct AvailableObjects {
  Bytes manifest_bytes = 0;
  ByteVector objects;  // a bit for each object, the lowest of a byte first; empty: all objects
  friend bool operator==(const AvailableObjects&, const AvailableObjects&) = default;
};
struct WeightsAvailability {
  static constexpr ControlType kType = ControlType::weights_availability;
  ContentId content;
  std::expected<AvailableObjects, Error> answer;  // not_found: no object of the model
};

// Asks for an object of this model from byte `from` on, as bulk frames of `transfer`.
struct WeightsRequest {
  static constexpr ControlType kType = ControlType::weights_request;
  TransferId transfer{};
  ContentId content;
  std::optional<uint32_t> object{};  // none: the manifest
  uint64_t from = 0;
  friend bool operator==(const WeightsRequest&, const WeightsRequest&) = default;
};

// From the sender of the object: the transfer has ended.
struct WeightsRefusal {
  static constexpr ControlType kType = ControlType::weights_refusal;
  TransferId transfer{};
  Error reason;
};

// From the receiver of the object: it needs no more of the transfer.
struct WeightsStop {
  static constexpr ControlType kType = ControlType::weights_stop;
  TransferId transfer{};
  friend bool operator==(const WeightsStop&, const WeightsStop&) = default;
};

ByteVector encode(const WeightsQuery& message);
ByteVector encode(const WeightsAvailability& message);
ByteVector encode(const WeightsRequest& message);
ByteVector encode(
    const WeightsRefusal& message);  // cuts a reason that is too long, as does that of WeightsAvailability
ByteVector encode(const WeightsStop& message);

template <>
Result<WeightsQuery> decode<WeightsQuery>(std::span<const std::byte> bytes);
template <>
Result<WeightsAvailability> decode<WeightsAvailability>(std::span<const std::byte> bytes);
template <>
Result<WeightsRequest> decode<WeightsRequest>(std::span<const std::byte> bytes);
template <>
Result<WeightsRefusal> decode<WeightsRefusal>(std::span<const std::byte> bytes);
template <>
Result<WeightsStop> decode<WeightsStop>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
