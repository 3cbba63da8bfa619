// The receiving side of a link: joins pieces to frames and writes payloads into their receive buffers. No input or
// output.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "wire/frame.h"

namespace exogpu::net {

// Receives the frames.
class InboxSink {
 public:
  virtual ~InboxSink() = default;
  // For all but control frames; see ChannelHandler::receive_buffer().
  virtual std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader& header) = 0;
  // An error ends the link.
  virtual Result<void> frame(wire::Lane lane, const wire::FrameHeader& header, std::span<const std::byte> payload) = 0;
  virtual void abandoned(const wire::FrameHeader& header) = 0;
};

class Inbox {
 public:
  // The bytes of each lane that the peer may send before it gets more credit.
  Inbox(Bytes ordered_window, Bytes bulk_window);

  // Where to write the next bytes from the peer; never empty. The caller may write fewer.
  std::span<std::byte> next();
  // So many bytes were written there. Errors: corrupt, unsupported; the stream cannot be used after an error.
  Result<void> commit(size_t bytes, InboxSink& sink);

  // A piece has begun and not ended.
  bool within_piece() const { return stage_ != Stage::piece_header || filled_ > 0; }
  // A frame has begun and not ended: a connection that is lost now cuts it short.
  bool within_frame() const;
  uint64_t pieces_begun() const { return pieces_begun_; }

  void pause(wire::Lane lane, bool paused);
  struct Grants {
    uint64_t ordered = 0;
    uint64_t bulk = 0;
  };
  // The new totals of granted bytes, if they have grown enough to be worth a message to the peer.
  std::optional<Grants> take_grants();

 private:
  enum class Stage { piece_header, frame_header_begin, frame_header_rest, payload };
  struct LaneState {
    bool active = false;
    wire::FrameHeader header;
    Bytes taken = 0;                             // bytes of its payload
    std::optional<std::span<std::byte>> buffer;  // empty: payload is discarded, or goes to `own`
    std::vector<std::byte> own;                  // payload of a control frame
    Bytes window = 0;                            // 0: unlimited
    uint64_t granted = 0;
    uint64_t arrived = 0;
    bool paused = false;
  };

  LaneState& lane() { return lanes_[static_cast<size_t>(piece_.lane)]; }
  Result<void> begin_piece(InboxSink& sink);
  Result<void> begin_frame(InboxSink& sink);
  Result<void> begin_payload(InboxSink& sink);
  Result<void> end_piece(InboxSink& sink);

  Stage stage_ = Stage::piece_header;
  std::array<std::byte, wire::kFrameHeaderBytesMax> head_;
  size_t filled_ = 0;  // bytes in head_
  size_t needed_ = wire::kPieceHeaderBytes;
  wire::PieceHeader piece_;
  Bytes payload_remaining_ = 0;  // bytes of the piece
  uint64_t pieces_begun_ = 0;
  std::array<LaneState, wire::kLanes> lanes_;
  std::vector<std::byte> waste_;
};

}  // namespace exogpu::net
