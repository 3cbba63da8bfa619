// What arrives on a link: pieces put together to frames, their payload straight in its place. No input or output.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "wire/frame.h"

namespace exogpu::net {

// Where frames go.
class InboxSink {
 public:
  virtual ~InboxSink() = default;
  // For frames other than control frames; see ChannelHandler::place().
  virtual std::optional<std::span<std::byte>> place(const wire::FrameHeader& header) = 0;
  // An error ends the link.
  virtual Result<void> frame(wire::Lane lane, const wire::FrameHeader& header, std::span<const std::byte> payload) = 0;
  virtual void abandoned(const wire::FrameHeader& header) = 0;
};

class Inbox {
 public:
  // What the peer may send before it is granted more.
  Inbox(Bytes ordered_window, Bytes bulk_window);

  // Where the next bytes of the peer belong; never empty. Any number of them may be read there.
  std::span<std::byte> next();
  // That so many bytes were read there. Errors: corrupt, unsupported; the stream is of no more use then.
  Result<void> commit(size_t bytes, InboxSink& sink);

  // Whether a piece has begun and not ended.
  bool within_piece() const { return stage_ != Stage::piece_header || filled_ > 0; }
  // Whether a frame has begun and not ended; what a lost connection cut short.
  bool within_frame() const;
  uint64_t pieces_begun() const { return pieces_begun_; }

  void pause(wire::Lane lane, bool paused);
  struct Grants {
    uint64_t ordered = 0;
    uint64_t bulk = 0;
  };
  // The new sums of granted bytes, when enough has been taken in that the peer should hear of it.
  std::optional<Grants> take_grants();

 private:
  enum class Stage { piece_header, frame_header_begin, frame_header_rest, payload };
  struct LaneState {
    bool active = false;
    wire::FrameHeader header;
    Bytes taken = 0;                            // of its payload
    std::optional<std::span<std::byte>> place;  // empty: thrown away, or a control frame
    std::vector<std::byte> own;                 // of a control frame
    Bytes window = 0;                           // 0: not limited
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
  size_t filled_ = 0;  // of head_
  size_t wanted_ = wire::kPieceHeaderBytes;
  wire::PieceHeader piece_;
  Bytes payload_remaining_ = 0;  // of the piece
  uint64_t pieces_begun_ = 0;
  std::array<LaneState, wire::kLanes> lanes_;
  std::vector<std::byte> waste_;
};

}  // namespace exogpu::net
