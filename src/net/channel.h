// A channel: the one connection between two nodes, which carries everything that they say to each other.
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
// The bytes of `payload` are sent from where they lie, one part behind the other. They must stay as they are until
// `done` is called; `owner`, where it is given, is held until then.
struct Outgoing {
  wire::FrameHeader header{};  // payload_bytes is set from `payload`
  Lane lane = Lane::ordered;
  std::vector<std::span<const std::byte>> payload{};
  std::shared_ptr<const void> owner{};
  std::optional<Duration> within{};  // from now until the last byte is handed to the operating system
  // Called once for each frame that send() took, never from inside send(): when the bytes are no longer needed. Success
  // means that they were handed on, not that they arrived.
  // Errors: deadline_exceeded, cancelled, or why the channel closed.
  std::move_only_function<void(Result<void>)> done{};
};

// The user's side of a channel. Called on the channel's thread, never from inside a call of the channel. It may call
// the channel and may destroy it.
class ChannelHandler {
 public:
  virtual ~ChannelHandler() = default;

  // Where the payload of an activation or a bulk frame goes: header.payload_bytes bytes that stay the channel's until
  // on_frame() or on_abandoned() for this header, or until on_closed(). Nothing: the payload is thrown away, as for an
  // epoch that is over, and no further call follows for this frame. Within a lane frames come one after the other; one
  // of each lane may be under way at a time.
  virtual std::optional<std::span<std::byte>> place(const wire::FrameHeader& header) = 0;

  // A whole frame. That of a control frame lies in the channel's memory until this returns; others are where place()
  // put them, and belong to the user again.
  virtual void on_frame(const wire::FrameHeader& header, std::span<const std::byte> payload) = 0;

  // The sender gave this frame up after it had begun; its place belongs to the user again.
  virtual void on_abandoned(const wire::FrameHeader& header) { (void)header; }

  // A send was refused for lack of room in this lane; half of it is free now.
  virtual void on_writable(Lane lane) { (void)lane; }

  // The last call. All sends are done, all places belong to the user again.
  virtual void on_closed(const Error& reason) = 0;
};

struct Peer {
  wire::NodeId node;
  wire::Versions versions;
  uint32_t protocol = 0;     // that both speak
  uint64_t incarnation = 0;  // new with each start of the peer
  std::string address{};     // and port, from which it is connected; for people. Empty for a mem channel
};

struct LinkStats {
  uint64_t bytes_sent = 0;  // before encryption
  uint64_t bytes_received = 0;
  uint64_t frames_sent = 0;
  uint64_t frames_received = 0;
  uint64_t pongs = 0;  // that answered the last ping before them
  Bytes queued_bytes = 0;
  std::optional<std::chrono::microseconds> rtt_last;
  std::optional<std::chrono::microseconds> rtt_min;
  // How much one round trip differs from the next, smoothed (RFC 3550, 6.4.1).
  std::chrono::microseconds rtt_jitter{};
  // What the system has sent of the connection, and of that again; nothing where it does not tell.
  std::optional<uint64_t> wire_bytes_sent, wire_bytes_resent;
  std::optional<std::chrono::microseconds> clock_ahead;  // the peer's steady clock minus ours, give or take rtt / 2
};

// The two ends have clocks and threads of their own. All calls on one thread: that of the executor of a tcp channel, or
// the one that pumps a mem channel. Destroying it closes it as cancelled, and no call of its handler comes afterwards.
class Channel {
 public:
  virtual ~Channel() = default;

  virtual const Peer& peer() const = 0;

  // Begins to take frames in. Once; `handler` must live until on_closed() or until the channel is destroyed. A channel
  // that is not started at once loses its peer after a second, since it does not listen.
  virtual void start(ChannelHandler& handler) = 0;

  // Queues a frame. Within a lane frames arrive in the order of these calls; a frame of a more urgent lane goes between
  // the pieces of one that is under way.
  // Errors, after which `done` is not called: invalid_argument (too large, or it does not fit its lane or its shape),
  // resource_exhausted (the lane's queue is full; on_writable() says when to try again), or why the channel closed.
  virtual Result<SendId> send(Outgoing frame) = 0;

  // Gives a frame up; its `done` gets cancelled, at the latest when the piece under way (256 KiB) has left. Without
  // effect when it is done.
  virtual void cancel(SendId id) = 0;

  // Grants the peer no more bytes of a lane (ordered or bulk): at most what was granted before, the window, still
  // arrives. The other lanes go on.
  virtual void pause(Lane lane) = 0;
  virtual void resume(Lane lane) = 0;

  // How closely the peer is watched from now on, whatever the options were. It has its time again, and is asked for a
  // sign of life at once.
  virtual void watch(Duration ping_interval, Duration silence_max) = 0;

  // Asks the peer for a sign of life, which stats() shows as one more pong.
  virtual void ping() = 0;

  // Tells the peer why, and ends. Sends that wait get this reason.
  virtual void close(Error reason) = 0;

  virtual LinkStats stats() const = 0;
};

struct ChannelOptions {
  Bytes urgent_queue = 256 * KiB;  // payload that may wait to be sent
  Bytes ordered_queue = 64 * MiB;
  Bytes bulk_queue = 64 * MiB;
  Bytes ordered_window = 8 * MiB;  // that the peer may send before it is granted more
  Bytes bulk_window = 16 * MiB;
  Duration ping_interval = std::chrono::milliseconds(250);
  Duration silence_max = std::chrono::seconds(1);   // after which the peer counts as lost
  Duration greeting_max = std::chrono::seconds(5);  // for the peer's first message
  Duration piece_max = std::chrono::seconds(30);    // for a piece of a frame (256 KiB) that has begun to arrive
  Duration farewell_max = std::chrono::seconds(1);  // for the reason of a close to leave
};

}  // namespace exogpu::net
