// What is to be sent on a link: queues by lane, cut into pieces, as a stream of bytes. No input or output.
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

  // Errors as Channel::send().
  Result<SendId> push(Outgoing frame, SteadyTime now);
  // A message of the link itself, before all others. One of the same type that has not begun is replaced.
  void push_link(wire::ControlType type, wire::ByteVector message);

  // Those messages of the link that have not begun.
  void forget_link();

  void cancel(SendId id, const Error& reason);
  void expire(SteadyTime now);
  std::optional<SteadyTime> next_deadline() const;
  // All frames of the user but one whose piece is under way, which stays until that has left.
  void cancel_all(const Error& reason);
  // Everything, at once: nothing will be sent any more.
  void drop_all(const Error& reason);

  // The sum of bytes that may be sent in this lane; a smaller one than before has no effect.
  void grant(Lane lane, uint64_t total);

  // The next bytes to send; empty when there are none, or none that are granted. They stay where they are until
  // consume().
  std::span<const std::byte> front();
  void consume(size_t bytes);

  std::vector<Done> take_done() { return std::exchange(done_, {}); }
  bool has_done() const { return !done_.empty(); }
  // Lanes in which a push was refused and which have room again; each is told once.
  std::vector<Lane> take_writable_lanes();
  Bytes queued_bytes() const;
  uint64_t frames_sent() const { return frames_sent_; }

 private:
  struct Frame {
    SendId id{};  // 0: of the link itself
    wire::FrameHeader header;
    std::vector<std::span<const std::byte>> parts;
    size_t part = 0;  // the next byte to send is parts[part][part_offset]
    size_t part_offset = 0;
    uint32_t cut_bytes = 0;  // of payload in the pieces so far, that under way included
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
    std::deque<Frame>* queue = nullptr;  // whose first frame it is of; null: none is under way
    LaneQueue* lane = nullptr;           // null: of the link itself
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
