// Channels within one process, for tests and simulations: the same links as over a network, but bytes move and time
// passes only when the owner says so. Everything happens in the same order each time.
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
  Bytes buffer_bytes = 256 * KiB;  // that one direction holds, as the system's buffers of a socket do
  Bytes chunk_bytes = 64 * KiB;    // that are moved at a time
};

// One thread. The channels may outlive the network; nothing moves then.
class MemNetwork {
 public:
  explicit MemNetwork(SteadyTime now);
  ~MemNetwork();

  // Two channels that are connected and have greeted each other.
  // Errors: why they would not; that of `a`.
  struct Pair {
    std::unique_ptr<Channel> a;
    std::unique_ptr<Channel> b;
  };
  Result<Pair> connect(const MemEndOptions& a, const MemEndOptions& b, const MemPipeOptions& pipes = {});

  // Lets the time be `now`, moves what can move, makes the calls that are due, and returns when all is still.
  void pump(SteadyTime now);
  SteadyTime now() const { return *now_; }
  // When something will be due that no frame brings about.
  SteadyTime next_tick() const;

  // From here on nothing of what a or b sends arrives, and neither is told. (They belong to a pair of connect().)
  void stop_delivery(const Channel& a_or_b);
  // As when a process dies: the other end hears that the connection has ended.
  void cut(const Channel& a_or_b);

  struct Link;

 private:
  Link* find(const Channel& channel);
  std::shared_ptr<SteadyTime> now_;
  std::vector<std::shared_ptr<Link>> links_;
};

}  // namespace exogpu::net
