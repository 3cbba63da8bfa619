// The sending side of a link: queues by lane, cut into pieces, as a stream of bytes. No input or output.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "net/channel.h"
#include "wire/messages.h"

namespace exogpu::net {

class Outbox {
 public:
  struct Done {
    std::move_only_function<void(Result<void>)> call;
    Result<void> result;
    std::shared_ptr<const void> owner;
  };

  explicit Outbox(std::array<Bytes, wire::kLanes> queue_bytes_max);

  // Errors: those of Channel::send().
  Result<SendId> push(Outgoing frame, SteadyTime now);
  // Queues a message of the link itself before all frames. It replaces one of the same type that has not begun.
  void push_link(wire::ControlType type, wire::ByteVector message);

  // Removes the messages of the link that have not begun.
  void forget_link();

  void cancel(SendId id, const Error& reason);
  void expire(SteadyTime now);
  std::optional<SteadyTime> next_deadline() const;
  // Cancels all frames of the user, except one whose piece is in flight, which ends with that piece.
  void cancel_all(const Error& reason);
  // Ends everything at once; nothing more will be sent.
  void drop_all(const Error& reason);

  // Sets the total of bytes that may be sent in this lane. A smaller total than before has no effect.
  void grant(Lane lane, uint64_t total);

  // The next bytes to send; empty if there are none or no credit is left. They stay valid until consume().
  std::span<const std::byte> front();
  void consume(size_t bytes);

  std::vector<Done> take_done() { return std::exchange(done_, {}); }
  bool has_done() const { return !done_.empty(); }
  // Lanes that refused a push and have room again; each is returned once.
  std::vector<Lane> take_writable_lanes();
  Bytes queued_bytes() const;
  uint64_t frames_sent() const { return frames_sent_; }

 private:
  struct Frame {
    SendId id{};  // 0: a message of the link itself
    wire::FrameHeader header;
    std::vector<std::span<const std::byte>> parts;
    size_t part = 0;  // the next byte to send is parts[part][part_offset]
    size_t part_offset = 0;
    uint32_t cut_bytes = 0;  // payload bytes of all pieces so far, including the one in flight
    bool begun = false;
    std::optional<SteadyTime> deadline;
    std::optional<Error> given_up;
    std::shared_ptr<const void> owner;
    std::move_only_function<void(Result<void>)> done;
  };
  struct LaneQueue {
    std::deque<Frame> frames;
    Bytes bytes = 0;
    Bytes bytes_max = 0;
    uint64_t granted = 0;
    uint64_t used = 0;
    bool refused = false;
  };
  struct Piece {
    std::deque<Frame>* queue = nullptr;  // the piece belongs to the first frame of this queue; null: no piece in flight
    LaneQueue* lane = nullptr;           // null: a message of the link itself
    std::array<std::byte, wire::kPieceHeaderBytes + wire::kFrameHeaderBytesMax> head;
    size_t head_size = 0;
    size_t head_sent = 0;
    size_t payload_remaining = 0;
    bool last = false;
  };

  bool begin_piece();
  bool begin_piece(std::deque<Frame>& queue, LaneQueue* lane, Lane name);
  void end_piece();
  void finish(Frame& frame, LaneQueue* lane, Result<void> result);
  void give_up(Lane lane, size_t index, const Error& reason);

  std::array<LaneQueue, wire::kLanes> lanes_;
  std::deque<Frame> link_;
  Piece piece_;
  std::vector<Done> done_;
  uint64_t last_id_ = 0;
  uint64_t frames_sent_ = 0;
  size_t deadlines_ = 0;
};

}  // namespace exogpu::net
