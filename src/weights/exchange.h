// How weights go from nodes that have them to nodes that need them: the part of a node that asks for objects of a model
// and checks and keeps them, and the part that sends them.
//
// One for each node and each cache. A fetch asks all connected peers what they hold of the model, and then asks for one
// object after another, of each peer as much as keeps it busy. What a peer that is lost has not yet sent is asked of
// the others, from the byte where it stopped; an object with a wrong hash is asked of another peer. Bytes that nobody
// asked for are thrown away without taking memory.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "net/channel.h"
#include "weights/cache.h"
#include "weights/content.h"
#include "weights/manifest.h"

namespace exogpu::weights {

struct ExchangeOptions {
  Bytes frame_bytes = 1 * MiB;       // of the frames that are sent; at most kFrameBytesMax
  uint32_t frames_ahead = 8;         // that each peer's requests have between the disk and the channel
  Bytes asked_bytes = 32 * MiB;      // that are asked of each peer ahead of what it sends
  Bytes unwritten_bytes = 64 * MiB;  // received but not yet hashed and written; then the senders are paused
  uint32_t hashing_threads = 2;
  net::Duration stall_max = std::chrono::seconds(20);  // a peer that sends nothing of what was asked is given up
  net::Duration wait_max = std::chrono::seconds(20);   // for a peer that has what is missing, once some had it
};

struct ExchangeStats {
  Bytes sent_bytes = 0;      // of objects and manifests, handed to channels
  Bytes received_bytes = 0;  // that were asked for
  Bytes refused_bytes = 0;   // that were not, and went nowhere
};

struct FetchCalls {
  // Bytes of the scope that are here, and all of them. Now and then.
  std::function<void(Bytes done, Bytes total)> on_progress{};
  // Once. The model holds all of the scope. Errors: not_found (no peer has this model, or an object of it), unavailable
  // (those that had it are gone), corrupt (a peer sent wrong bytes: names it and the object), resource_exhausted (the
  // cache's limit or the disk), failed_precondition (another process uses the cache's folder; the model is being
  // fetched already), io_error.
  std::function<void(Result<std::shared_ptr<PartialModel>>)> on_done{};
};

// What a fetch in progress is held by; destroying it gives the fetch up, and nothing more is called. What was received
// stays in the cache, and another fetch goes on from there. On the exchange's thread.
class Fetching {
 public:
  Fetching() = default;
  Fetching(Fetching&&) noexcept = default;
  Fetching& operator=(Fetching&& other) noexcept {
    cancel();
    cancel_ = std::move(other.cancel_);
    return *this;
  }
  ~Fetching() { cancel(); }
  void cancel() {
    if (auto call = std::exchange(cancel_, nullptr)) call();
  }
  explicit Fetching(std::move_only_function<void()> cancel) : cancel_(std::move(cancel)) {}

 private:
  std::move_only_function<void()> cancel_;
};

// All calls on one thread, that of the channels. It has threads of its own for hashing and for files. Callbacks are
// never made from inside fetch().
class WeightExchange {
 public:
  static constexpr Bytes kFrameBytesMax = 4 * MiB;

  // Runs a call on the exchange's thread, later, in the order of these calls; called from any thread, also a little
  // after the exchange has gone, when the calls do nothing.
  using Post = std::function<void(std::move_only_function<void()>)>;

  // Without a cache nothing can be fetched.
  WeightExchange(std::shared_ptr<WeightCache> cache, Post post, const ExchangeOptions& options = {});
  WeightExchange(const WeightExchange&) = delete;
  WeightExchange& operator=(const WeightExchange&) = delete;
  // Gives up all fetches and waits for what the threads have begun.
  ~WeightExchange();

  // Peers may ask for this model from now on, or no longer. One of the same id is replaced.
  void offer(std::shared_ptr<const Content> content);
  void withdraw(const ContentId& content);

  // Fetches what is missing of `scope` into the cache. When nothing is, no peer is asked.
  [[nodiscard]] Fetching fetch(const ContentId& content, const Scope& scope, FetchCalls calls);

  // --- what the node hears of its channels
  // Between these two calls `channel` must live; lost is called in on_closed(), or before the channel is destroyed. A
  // channel reads nothing after that, and the exchange is destroyed when all its peers are lost.
  void peer_connected(const wire::NodeId& peer, net::Channel& channel);
  void peer_lost(const wire::NodeId& peer);

  // Whether control frames of this type are for on_control().
  static bool owns(wire::ControlType type);
  // Errors: corrupt, for a message that is none; the node may close the channel with it.
  Result<void> on_control(const wire::NodeId& peer, wire::ControlType type, std::span<const std::byte> payload);

  // Of bulk frames, as ChannelHandler has it.
  std::optional<std::span<std::byte>> place(const wire::NodeId& peer, const wire::FrameHeader& header);
  void on_bulk(const wire::NodeId& peer, const wire::FrameHeader& header, std::span<const std::byte> payload);
  void on_abandoned(const wire::NodeId& peer, const wire::FrameHeader& header);
  void on_room(const wire::NodeId& peer, net::Lane lane);

  // To be called about once a second: notices peers that have stalled, and what nobody has.
  void tick(net::SteadyTime now);

  ExchangeStats stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace exogpu::weights
