// The byte layout of frames on a link. No input or output.
//
// A frame travels as one or more pieces, so that a short frame of a more urgent lane can go between the pieces of a
// long one. All numbers are little-endian.
//
//   piece header, 8 bytes
//     0  u8   0xE5
//     1  u8   layout version, 1
//     2  u8   flags: 1 the first piece of a frame, 2 the last, 4 the frame is abandoned (then also 2)
//     3  u8   lane: 0 urgent, 1 ordered, 2 bulk
//     4  u32  bytes of this piece after its header, at most kPieceBytesMax
//
//   The first piece of a frame begins with the frame's header; the rest of its bytes, and all bytes of the other
//   pieces, are payload. Within a lane, frames follow each other and are never mixed.
//
//   frame header, 8 bytes and what its kind adds
//     0  u8   kind: 1 control, 2 activation, 3 bulk
//     1  u8   activation: the type of its elements (dtype.h); otherwise 0
//     2  u16  control: the type of message (ControlType); otherwise 0
//     4  u32  bytes of payload in all pieces
//   activation, 24 more bytes
//     8  u64  plan epoch
//    16  u32  sequence
//    20  u32  position of the first row
//    24  u32  rows (tokens)
//    28  u32  columns (elements of a token)
//   bulk, 16 more bytes
//     8  u64  transfer
//    16  u64  offset of the payload in what is transferred
//
// The payload of an activation is its rows, one behind the other; of a control frame, a protobuf message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "base/result.h"
#include "base/units.h"
#include "wire/dtype.h"
#include "wire/ids.h"

namespace exogpu::wire {

inline constexpr Bytes kPieceHeaderBytes = 8;
inline constexpr Bytes kFrameHeaderBytesMin = 8;
inline constexpr Bytes kFrameHeaderBytesMax = 32;
inline constexpr Bytes kPiecePayloadMax = 256 * KiB;
inline constexpr Bytes kPieceBytesMax = kFrameHeaderBytesMax + kPiecePayloadMax;

// The largest payloads. The sender splits longer content.
inline constexpr Bytes kUrgentBytesMax = 64 * KiB;
inline constexpr Bytes kControlBytesMax = 4 * MiB;
inline constexpr Bytes kActivationBytesMax = 256 * MiB;
inline constexpr Bytes kBulkBytesMax = 64 * MiB;

// Frames of one lane arrive in the order in which they were sent. Frames of an earlier lane of this list may overtake.
enum class Lane : uint8_t {
  urgent = 0,   // short control frames that need no order relative to others
  ordered = 1,  // activations, and the control frames that belong between them
  bulk = 2,     // weights
};
inline constexpr size_t kLanes = 3;

// The type of message in a control frame. Numbers are never reused.
enum class ControlType : uint16_t {
  // About the link itself: the channel handles them and does not pass them on.
  hello = 1,
  ping = 2,
  pong = 3,
  credit = 4,
  goodbye = 5,
  join_request = 6,
  join_response = 7,
  pairing_hello = 8,
  pairing_offer = 9,
  pairing_proof = 10,
  pairing_result = 11,
  // From here on: for the users of a channel.
  first_of_users = 64,
  // Between the stages of a model (ring.h).
  step = 64,
  step_done = 65,
  generate = 66,
  generated = 67,
  generate_cancel = 68,
  // Between a client's node and one that keeps its stream (stream.h).
  stream_read = 69,
  stream_bytes = 70,
  // Between the nodes of a cluster (cluster.h); 72 to 75 were used before.
  leader_hint = 76,
  link_probe_result = 77,
  stage_progress = 78,
  // The election and the replicated log (election.h, cluster_log.h).
  election_probe = 80,
  heartbeat = 81,
  heartbeat_ack = 82,
  link_ping = 83,
  log_entries = 84,
  log_snapshot = 85,
  log_proposal = 86,
  // Between a node that wants a model served and one that has a file of it (library.h).
  load_model = 88,
  load_refused = 89,
  // Between a node that was asked to pull a model and the one that does it (pull.h).
  pull_query = 90,
  pull_room = 91,
  pull_model = 92,
  pull_cancel = 93,
  pull_report = 94,
  // Between a node that has a model and one that fetches it (weights.h).
  weights_query = 96,
  weights_availability = 97,
  weights_request = 98,
  weights_refusal = 99,
  weights_stop = 100,
  // What nodes measure of themselves (telemetry.h).
  telemetry_registration = 104,
  telemetry_heartbeat = 105,
  telemetry_watch = 106,
  alerts_reported = 107,
  // Between nodes that keep the heads of each other's audit chains (audit.h).
  audit_head = 112,
  audit_anchors = 113,
  // The nodes that were removed (removal.h).
  removals = 116,
  // Between a node whose certificate is to be renewed and one that has the authority's key (renewal.h).
  certificate_request = 117,
  certificate_answer = 118,
  // What each node may do (role.h).
  roles = 119,
  authority_key = 121,
  // What a node is told about itself (node_settings.h).
  node_settings = 120,
};

struct PieceHeader {
  Lane lane = Lane::urgent;
  bool first = false;
  bool last = false;
  bool abandoned = false;
  uint32_t bytes = 0;
  friend bool operator==(const PieceHeader&, const PieceHeader&) = default;
};

struct Control {
  ControlType type{};
  friend bool operator==(const Control&, const Control&) = default;
};
struct Activation {
  PlanEpoch epoch{};
  SeqId sequence{};
  uint32_t position = 0;
  uint32_t rows = 0;
  uint32_t columns = 0;
  Dtype dtype = Dtype::f32;
  friend bool operator==(const Activation&, const Activation&) = default;
};
struct Bulk {
  TransferId transfer{};
  uint64_t offset = 0;
  friend bool operator==(const Bulk&, const Bulk&) = default;
};

struct FrameHeader {
  std::variant<Control, Activation, Bulk> of{};
  uint32_t payload_bytes = 0;
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

using PieceHeaderBytes = std::array<std::byte, kPieceHeaderBytes>;
PieceHeaderBytes encode(const PieceHeader& piece);
// Errors: corrupt (not a piece, contradictory flags, too large), unsupported (another layout version).
Result<PieceHeader> decode_piece(std::span<const std::byte, kPieceHeaderBytes> bytes);

// The length of a frame's header, from its first 8 bytes.
// Errors: unsupported for an unknown kind.
Result<Bytes> frame_header_bytes(std::span<const std::byte, kFrameHeaderBytesMin> begin);

// Whether a frame of this header may be sent in `lane`: payload not above the limits, and that of an activation exactly
// as long as its shape requires. Errors: invalid_argument.
Result<void> check_frame(const FrameHeader& header, Lane lane);

struct EncodedFrameHeader {
  std::array<std::byte, kFrameHeaderBytesMax> bytes;
  Bytes size = 0;
  std::span<const std::byte> span() const { return std::span(bytes).first(size); }
};
EncodedFrameHeader encode(const FrameHeader& header);
// `bytes` are as many as frame_header_bytes() returned. An accepted header passes check_frame() for its lane.
// Errors: corrupt (too large, or the shape and the length contradict each other), unsupported (an unknown kind or
// element type).
Result<FrameHeader> decode_frame(std::span<const std::byte> bytes, Lane lane);

}  // namespace exogpu::wire
