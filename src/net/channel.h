// A channel: one end of the encrypted connection of two nodes. Everything they send to each other goes through it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/strong.h"
#include "base/units.h"
#include "wire/frame.h"
#include "wire/node_id.h"
#include "wire/version.h"

namespace exogpu::net {

using wire::Lane;
using Duration = std::chrono::steady_clock::duration;
using SteadyTime = std::chrono::steady_clock::time_point;
using SendId = Strong<uint64_t, struct SendIdTag>;

// A frame to send.
//
// The bytes of `payload` are sent from where they lie, one span after the other. They must not change until `done` is
// called. The channel holds `owner`, if one is given, until then.
struct Outgoing {
  wire::FrameHeader header{};  // payload_bytes is set from `payload`
  Lane lane = Lane::ordered;
  std::vector<std::span<const std::byte>> payload{};
  std::shared_ptr<const void> owner{};
  std::optional<Duration> within{};  // deadline for handing the last byte to the operating system, from now
  // Called once for each frame that send() accepted, never from inside send(), when the channel no longer needs the
  // bytes. Success means that the operating system has them, not that they arrived.
  // Errors: deadline_exceeded, cancelled, or the reason for which the channel closed.
  std::move_only_function<void(Result<void>)> done{};
};

// The user's side of a channel. Its functions are called on the channel's thread, never from inside a call of the
// channel. They may call the channel and may destroy it.
class ChannelHandler {
 public:
  virtual ~ChannelHandler() = default;

  // The memory for the payload of an activation or bulk frame: header.payload_bytes bytes, which the channel uses until
  // on_frame() or on_abandoned() for this header, or until on_closed(). Empty: the channel discards the payload (for
  // example of a previous epoch) and makes no further call for this frame. Frames of one lane arrive one after the
  // other; one frame of each lane may be in flight at a time.
  virtual std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader& header) = 0;

  // A whole frame. The payload of a control frame lies in the channel's memory until this returns. Other payloads lie
  // in their receive_buffer(), which belongs to the user again.
  virtual void on_frame(const wire::FrameHeader& header, std::span<const std::byte> payload) = 0;

  // The sender cancelled this frame after it had begun. Its receive buffer belongs to the user again.
  virtual void on_abandoned(const wire::FrameHeader& header) { (void)header; }

  // This lane had refused a send because its queue was full; half of the queue is free now.
  virtual void on_writable(Lane lane) { (void)lane; }

  // The last call. All sends are done, and all receive buffers belong to the user again.
  virtual void on_closed(const Error& reason) = 0;
};

struct Peer {
  wire::NodeId node;
  wire::Versions versions;
  uint32_t protocol = 0;     // the version that both ends speak
  uint64_t incarnation = 0;  // new with each start of the peer
  std::string address{};     // address and port of the connection, for messages; empty for a mem channel
  bool expired = false;      // its certificate: it may ask for a later one, and nothing else
  std::optional<std::chrono::seconds> clock_ahead{};  // of this node's clock; empty: the peer did not tell its time
};

struct LinkStats {
  uint64_t bytes_sent = 0;  // before encryption
  uint64_t bytes_received = 0;
  uint64_t frames_sent = 0;
  uint64_t frames_received = 0;
  uint64_t pongs = 0;  // answers to the latest ping at their time
  Bytes queued_bytes = 0;
  std::optional<std::chrono::microseconds> rtt_last;
  std::optional<std::chrono::microseconds> rtt_min;
  // The mean difference between successive round trips, smoothed (RFC 3550, 6.4.1).
  std::chrono::microseconds rtt_jitter{};
  // Bytes that the operating system has sent for this connection, and how many of them again; empty if it does not
  // count.
  std::optional<uint64_t> wire_bytes_sent, wire_bytes_resent;
  std::optional<std::chrono::microseconds> clock_ahead;  // the peer's steady clock minus this node's, ± rtt / 2
};

// Each end has its own clock and thread. All calls are made on one thread: that of the executor of a tcp channel, or
// that which pumps the network of a mem channel. The destructor closes the channel as cancelled; no call of the handler
// follows.
class Channel {
 public:
  virtual ~Channel() = default;

  virtual const Peer& peer() const = 0;

  // Begins to receive frames. To be called once; `handler` must live until on_closed() or until the channel is
  // destroyed. Call it at once: a channel that is not started does not read, and its peer gives it up after
  // silence_max.
  virtual void start(ChannelHandler& handler) = 0;

  // Queues a frame. The frames of a lane arrive in the order of these calls. A frame of a more urgent lane overtakes
  // between two pieces of a frame in flight. Errors, after which `done` is not called: invalid_argument (too large, or
  // it does not fit its lane or its shape), resource_exhausted (the lane's queue is full; on_writable() says when to
  // try again), or why the channel closed.
  virtual Result<SendId> send(Outgoing frame) = 0;

  // Cancels a frame; its `done` gets `cancelled`, at the latest when the piece in flight (256 KiB) has left. No effect
  // on a frame that is done.
  virtual void cancel(SendId id) = 0;

  // Grants the peer no more bytes of a lane (ordered or bulk); what was granted before, at most the window, still
  // arrives. Other lanes are not affected.
  virtual void pause(Lane lane) = 0;
  virtual void resume(Lane lane) = 0;

  // Replaces the options' ping interval and silence limit from now on. Restarts the peer's time and pings at once.
  virtual void watch(Duration ping_interval, Duration silence_max) = 0;

  // Sends a ping. Its answer adds one to stats().pongs.
  virtual void ping() = 0;

  // Sends the reason to the peer and closes. Queued sends end with this reason.
  virtual void close(Error reason) = 0;

  virtual LinkStats stats() const = 0;
};

struct ChannelOptions {
  Bytes urgent_queue = 256 * KiB;  // payload that may wait to be sent
  Bytes ordered_queue = 64 * MiB;
  Bytes bulk_queue = 64 * MiB;
  Bytes ordered_window = 8 * MiB;  // bytes that the peer may send before it gets more credit
  Bytes bulk_window = 16 * MiB;
  Duration ping_interval = std::chrono::milliseconds(250);
  Duration silence_max = std::chrono::seconds(1);   // without a byte for so long, the peer is lost
  Duration greeting_max = std::chrono::seconds(5);  // for the peer's first message
  Duration piece_max = std::chrono::seconds(30);    // for a piece of a frame (256 KiB) that has begun to arrive
  Duration farewell_max = std::chrono::seconds(1);  // for the reason of a close to leave
};

}  // namespace exogpu::net
