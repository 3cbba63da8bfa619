// The messages about weights as plain structures, and their protobuf encoding (proto/weights.proto). As for all
// messages, decode() refuses what is broken with corrupt; see messages.h.
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

// Who holds what of this model?
struct WeightsQuery {
  static constexpr ControlType kType = ControlType::weights_query;
  ContentId content;
  friend bool operator==(const WeightsQuery&, const WeightsQuery&) = default;
};

struct AvailableObjects {
  Bytes manifest_bytes = 0;
  ByteVector objects;  // a bit for each, the lowest of a byte first; empty: all of them
  friend bool operator==(const AvailableObjects&, const AvailableObjects&) = default;
};
struct WeightsAvailability {
  static constexpr ControlType kType = ControlType::weights_availability;
  ContentId content;
  std::expected<AvailableObjects, Error> answer;  // not_found: nothing of it
};

// Send me an object of this model from byte `from` on, as bulk frames of `transfer`.
struct WeightsRequest {
  static constexpr ControlType kType = ControlType::weights_request;
  TransferId transfer{};
  ContentId content;
  std::optional<uint32_t> object{};  // none: the manifest
  uint64_t from = 0;
  friend bool operator==(const WeightsRequest&, const WeightsRequest&) = default;
};

// From the one who was asked: nothing more comes of this transfer.
struct WeightsRefusal {
  static constexpr ControlType kType = ControlType::weights_refusal;
  TransferId transfer{};
  Error reason;
};

// From the one who asked: nothing more is wanted of this transfer.
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
