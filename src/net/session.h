// A link between two nodes as a state machine: bytes and the time go in, bytes and calls of the user come out. Each
// kind of channel adds a transport; the protocol is the same over all of them.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "net/channel.h"
#include "net/inbox.h"
#include "net/keepalive.h"
#include "net/outbox.h"
#include "security/certificate.h"
#include "wire/messages.h"

namespace exogpu::net {

// A node's description of itself in every link.
struct LinkSelf {
  wire::Versions versions = wire::own_versions();
  wire::NodeId node{};
  wire::ClusterId cluster{};
  uint64_t incarnation = 0;
  std::function<security::WallTime()> wall_clock = std::chrono::system_clock::now;
  // Whether a peer whose certificate has expired gets a link, to ask for a later one; see Peer::expired.
  std::function<bool()> renews = [] { return false; };
};

// What the transport has proved about the other end.
struct Certified {
  Certified(wire::NodeId of, security::Validity valid = {}) : node(of), validity(valid) {}
  wire::NodeId node;
  security::Validity validity;  // of its certificate
};

// Not movable. One thread.
class Session : private InboxSink {
 public:
  // The other end's Hello must be of the node that is certified, whose certificate must be valid when it arrives.
  Session(const LinkSelf& self, const ChannelOptions& options, const Certified& certified, SteadyTime now);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // --- the user's side; see Channel
  const Peer& peer() const { return peer_; }
  void set_peer_address(std::string address) { peer_.address = std::move(address); }
  void start(ChannelHandler& handler) { handler_ = &handler; }
  // No handler is called after this.
  void forget_handler();
  Result<SendId> send(Outgoing frame, SteadyTime now);
  void cancel(SendId id);
  void pause(Lane lane, bool paused);
  void close(Error reason, SteadyTime now);
  void watch(Duration ping_interval, Duration silence_max, SteadyTime now);
  void ping(SteadyTime now);
  LinkStats stats() const;

  // --- the transport's side
  enum class State {
    greeting,  // until the peer's Hello arrives
    open,
    closing,  // until the reason is sent
    closed,
  };
  State state() const { return state_; }
  // The reason for closing or being closed.
  const Error& reason() const { return reason_; }
  bool fell_silent() const { return fell_silent_; }  // closed because the peer sent nothing for too long

  // Where to write the next received bytes; empty if none may be read now: before start(), and at the end.
  std::span<std::byte> read_into();
  void received(size_t bytes, SteadyTime now);
  // The transport has ended. In the middle of a frame, or without a goodbye, the user gets `why`.
  void lost(const Error& why);

  // The next bytes to send; empty if there are none now.
  std::span<const std::byte> to_write() {
    return state_ == State::closed ? std::span<const std::byte>() : outbox_.front();
  }
  void wrote(size_t bytes);

  void tick(SteadyTime now);
  SteadyTime next_tick() const;

  // Calls of the user that are due. They must run outside of the user's own calls.
  bool has_calls() const;
  void run_calls();

 private:
  std::optional<std::span<std::byte>> receive_buffer(const wire::FrameHeader& header) override;
  Result<void> frame(Lane lane, const wire::FrameHeader& header, std::span<const std::byte> payload) override;
  void abandoned(const wire::FrameHeader& header) override;

  Result<void> greeted(std::span<const std::byte> payload);
  Result<void> check_clocks(const wire::Hello& hello);
  Result<void> link_message(wire::ControlType type, std::span<const std::byte> payload);
  Result<void> ponged(const wire::Pong& pong);
  Error about_peer(const Error& error) const;
  void closed(const Error& reason);

  LinkSelf self_;
  ChannelOptions options_;
  Certified certified_;
  Peer peer_;
  ChannelHandler* handler_ = nullptr;
  bool handler_forgotten_ = false;
  bool closed_reported_ = false;
  State state_ = State::greeting;
  bool fell_silent_ = false;
  Error reason_;
  Inbox inbox_;
  Outbox outbox_;
  Keepalive keepalive_;
  SteadyTime now_;  // at the last call
  SteadyTime greeting_until_;
  SteadyTime closing_until_{};
  std::optional<SteadyTime> piece_until_;
  uint64_t piece_watched_ = 0;
  LinkStats stats_;
  std::optional<uint64_t> pinged_us_;
};

}  // namespace exogpu::net
