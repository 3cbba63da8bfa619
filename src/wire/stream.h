// The messages by which a node reads a stream that another node keeps for its client (proto/stream.proto): a read at a
// time, each for what follows an offset.
//
// decode() as in messages.h. Errors: corrupt, naming the message and the field.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "wire/frame.h"
#include "wire/ids.h"
#include "wire/messages.h"

namespace exogpu::wire {

inline constexpr size_t kStreamOwnerBytes = 32;
inline constexpr size_t kStreamTypeCharsMax = 100;
inline constexpr uint32_t kStreamReadBytesMax = 64 * 1024;

struct StreamRead {
  static constexpr ControlType kType = ControlType::stream_read;
  uint64_t request = 0;  // chosen by the sender
  StreamId stream{};
  std::string owner;  // [kStreamOwnerBytes] a hash of the client's key
  uint64_t from = 0;  // bytes that the client has
  uint32_t bytes_max = kStreamReadBytesMax;
  bool stop = false;  // the stream is to end; nothing is read
  friend bool operator==(const StreamRead&, const StreamRead&) = default;
};

// May have no bytes: after some time without news, and at the end.
struct StreamBytes {
  static constexpr ControlType kType = ControlType::stream_bytes;
  uint64_t request = 0;
  std::optional<Error> failure{};  // not_found: the node has no such stream of this owner
  std::string type{};              // the stream's Content-Type
  uint64_t offset = 0;             // of the first of the bytes
  std::string bytes{};
  bool ended = false;  // nothing follows the bytes
  friend bool operator==(const StreamBytes&, const StreamBytes&);
};

ByteVector encode(const StreamRead& message);
ByteVector encode(const StreamBytes& message);

template <>
Result<StreamRead> decode<StreamRead>(std::span<const std::byte> bytes);
template <>
Result<StreamBytes> decode<StreamBytes>(std::span<const std::byte> bytes);

}  // namespace exogpu::wire
