// The exchange of weights between nodes: requests, verifies and caches objects of a model, and sends them to peers.
//
// One for each node and cache. A fetch queries all connected peers for the objects that they have, and then requests
// one object after another, from each peer enough to keep it busy. When a peer is lost, the fetch requests its missing
// bytes from the others, from the byte where it stopped. An object with a wrong hash is requested from another peer.
// Bytes that were not requested are discarded without taking memory.
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
  Bytes frame_bytes = 1 * MiB;       // of the sent frames; at most kFrameBytesMax
  uint32_t frames_ahead = 8;         // for each peer, between the disk and the channel
  Bytes asked_bytes = 32 * MiB;      // requested from each peer ahead of what it sends
  Bytes unwritten_bytes = 64 * MiB;  // received but not yet hashed and written; beyond that the senders are paused
  uint32_t hashing_threads = 2;
  net::Duration stall_max = std::chrono::seconds(20);  // without a requested byte a peer counts as failed
  net::Duration wait_max = std::chrono::seconds(20);   // for a peer with a missing object, if a peer had it before
  std::function<std::string(wire::NodeId)> name_of{};  // for the log; none: a short id
};

struct ExchangeStats {
  Bytes sent_bytes = 0;      // of objects and manifests, passed to channels
  Bytes received_bytes = 0;  // and requested
  Bytes refused_bytes = 0;   // received without a request, and discarded
};

struct FetchCalls {
  // Received and total bytes of the scope. Called from time to time.
  std::function<void(Bytes done, Bytes total)> on_progress{};
  // Once. All objects of the scope are present in the model.
  // Errors: not_found (no peer has this model, or an object of it), unavailable (those that had it are gone), corrupt
  // (a peer sent wrong bytes: names it and the object), resource_exhausted (the cache's limit or the disk),
  // failed_precondition (another process uses the cache's folder; the model is being fetched already), io_error.
  std::function<void(Result<std::shared_ptr<PartialModel>>)> on_done{};
};

// The handle of a fetch. Destroying it cancels the fetch; no callback follows. Received objects stay in the cache, and
// another fetch continues from there. On the exchange's thread.
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

// All calls on the thread of the channels. Has threads of its own for hashing and files. fetch() never makes a callback
// before it returns.
class WeightExchange {
 public:
  static constexpr Bytes kFrameBytesMax = 4 * MiB;

  // Runs a task later on the exchange's thread, in order. Called from any thread, also shortly after the exchange has
  // been destroyed; the tasks then have no effect.
  using Post = std::function<void(std::move_only_function<void()>)>;

  // Without a cache nothing can be fetched.
  WeightExchange(std::shared_ptr<WeightCache> cache, Post post, const ExchangeOptions& options = {});
  WeightExchange(const WeightExchange&) = delete;
  WeightExchange& operator=(const WeightExchange&) = delete;
  // Cancels all fetches and waits for running jobs.
  ~WeightExchange();

  // Peers may ask for this model from now on, or no longer. One of the same id is replaced. A model whose file changes
  // is not offered any more.
  void offer(std::shared_ptr<const Content> content);
  void withdraw(const ContentId& content);

  // Fetches the missing objects of `scope` into the cache. Sends nothing if none is missing.
  [[nodiscard]] Fetching fetch(const ContentId& content, const Scope& scope, FetchCalls calls);

  // --- events of the channels
  // `channel` must live until peer_lost(), which is called in on_closed() or before the channel is destroyed. All peers
  // must be lost before the exchange is destroyed.
  void peer_connected(const wire::NodeId& peer, net::Channel& channel);
  void peer_lost(const wire::NodeId& peer);

  // Whether on_control() handles control frames of this type.
  static bool owns(wire::ControlType type);
  // Errors: corrupt for an invalid message; the node may close the channel with it.
  Result<void> on_control(const wire::NodeId& peer, wire::ControlType type, std::span<const std::byte> payload);

  // For bulk frames, as in ChannelHandler.
  std::optional<std::span<std::byte>> receive_buffer(const wire::NodeId& peer, const wire::FrameHeader& header);
  void on_bulk(const wire::NodeId& peer, const wire::FrameHeader& header, std::span<const std::byte> payload);
  void on_abandoned(const wire::NodeId& peer, const wire::FrameHeader& header);
  void on_writable(const wire::NodeId& peer, net::Lane lane);

  // To be called about once a second: detects stalled peers and unavailable objects.
  void tick(net::SteadyTime now);

  ExchangeStats stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace exogpu::weights
