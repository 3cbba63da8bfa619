// Channels within one process, for tests and simulations: the same links as over a network, but bytes move and time
// passes only inside pump(), always in the same order.
#pragma once

#include <memory>
#include <vector>

#include "net/channel.h"
#include "net/session.h"

namespace exogpu::net {

struct MemEndOptions {
  LinkSelf self;
  ChannelOptions channel;
};

struct MemPipeOptions {
  Bytes buffer_bytes = 256 * KiB;  // capacity of one direction, like a socket's buffers
  Bytes chunk_bytes = 64 * KiB;    // moved at a time
};

// One thread. The channels may outlive the network; then nothing moves.
class MemNetwork {
 public:
  explicit MemNetwork(SteadyTime now);
  ~MemNetwork();

  // Two connected channels whose hellos are exchanged.
  // Errors: the reason why `a` refused `b`.
  struct Pair {
    std::unique_ptr<Channel> a;
    std::unique_ptr<Channel> b;
  };
  Result<Pair> connect(const MemEndOptions& a, const MemEndOptions& b, const MemPipeOptions& pipes = {});

  // Sets the time to `now`, moves all bytes that can move, makes all calls that are due, and returns when nothing is
  // left.
  void pump(SteadyTime now);
  SteadyTime now() const { return *now_; }
  // The next time at which something is due without a frame.
  SteadyTime next_tick() const;

  // Bytes that either end sends from now on do not arrive, and neither end notices. The channel belongs to a pair of
  // connect().
  void stop_delivery(const Channel& a_or_b);
  // As if the process of this end died: the other end notices that the connection has ended.
  void cut(const Channel& a_or_b);

  struct Link;

 private:
  Link* find(const Channel& channel);
  std::shared_ptr<SteadyTime> now_;
  std::vector<std::shared_ptr<Link>> links_;
};

}  // namespace exogpu::net
