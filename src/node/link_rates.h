// How fast the links of this node carry data to others: measured now and then with a burst of bytes that mean nothing,
// when no link of the node has anything else to do.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "net/channel.h"
#include "wire/cluster.h"

namespace exogpu::node {

// No clock of its own. All calls on the node's thread.
class LinkRates {
 public:
  static constexpr Bytes kFrameBytes = 64 * KiB;  // in the bulk lane, so that other frames can be sent between them
  static constexpr Bytes kBurstBytes = 1 * MiB;
  static constexpr Bytes kQuietBytes = 16 * KiB;  // on all links since the last tick, at most, for a burst to begin
  static constexpr size_t kSamples = 3;           // retained; as many are taken at first, one after the other
  static constexpr size_t kManyLinks = 8;         // with more of them, one is enough at first
  // Between bursts later on, whatever the link: half a kilobyte a second for each node.
  static constexpr std::chrono::minutes kAgain{35};
  static constexpr std::chrono::seconds kAnswerMax{10};

  using Send = std::function<bool(wire::NodeId, net::Outgoing)>;
  explicit LinkRates(Send send) : send_(std::move(send)) {}

  struct LinkNow {
    wire::NodeId peer;
    net::LinkStats stats;
  };
  // About twice a second, with all links that there are. Begins a burst where one is due.
  void tick(const std::vector<LinkNow>& links, net::SteadyTime now);
  // A burst has arrived. Without effect when it is not the one under way.
  void arrived(wire::NodeId peer, const wire::LinkProbeResult& result, net::SteadyTime now);

  // What arrived for each second, at best; a burst is hindered more easily than helped. Nothing before it is measured.
  std::optional<double> bytes_per_s(wire::NodeId peer) const;

 private:
  struct Link {
    uint64_t bytes_before = 0;
    std::vector<double> samples;
    std::optional<net::SteadyTime> asked;  // the last time
  };
  struct Burst {
    wire::NodeId peer;
    net::SteadyTime begun;
    net::Duration rtt{};
  };
  bool due(const Link& link, net::SteadyTime now) const;
  void begin(const LinkNow& at, Link& link, net::SteadyTime now);

  Send send_;
  std::map<wire::NodeId, Link> links_;
  std::optional<Burst> burst_;
};

}  // namespace exogpu::node
