// The part of a node that knows its links: measures delay, rate and losses of each, answers the probes of other nodes,
// and watches closely those links that an answer depends on.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "cluster/agent.h"
#include "net/channel.h"
#include "node/dispatch.h"
#include "node/link_losses.h"
#include "node/link_rates.h"
#include "node/transport.h"

namespace exogpu::node {

// On the node's thread.
class LinkMonitor {
 public:
  using Measured = std::pair<wire::NodeId, cluster::Agent::LinkMeasured>;

  // `channel`: the open channel to a connected node. `silence_max`: of a link that is watched closely. The transport
  // must outlive it.
  LinkMonitor(Transport& transport, std::function<net::Channel*(wire::NodeId)> channel,
              std::chrono::milliseconds silence_max);

  void register_handlers(Dispatch& dispatch);

  // What every connected link is like now; links without a round trip so far are left out. About twice a second.
  std::vector<Measured> measure(cluster::Time now);
  // Sets how closely channels notice silence: closely for `near`. For others the leader's heartbeats do, since each
  // node of a large cluster has a channel to each.
  void watch(const std::set<wire::NodeId>& near);
  // Its channel is closed; the next one is watched again.
  void on_link_down(wire::NodeId peer) { watched_closely_.erase(peer); }

 private:
  Transport* transport_;
  std::function<net::Channel*(wire::NodeId)> channel_;
  std::chrono::milliseconds silence_max_;
  LinkRates rates_;
  LinkLosses losses_;
  std::map<wire::NodeId, bool> watched_closely_;
};

}  // namespace exogpu::node
