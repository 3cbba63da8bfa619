// The part of a node that keeps it connected: the members with channels, their names, and the leader's name for nodes
// that do not know it.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/dispatch.h"
#include "node/transport.h"
#include "wire/cluster.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

// The nodes to which channels are kept. `Peers` is the real implementation.
class PeerDirectory {
 public:
  virtual ~PeerDirectory() = default;
  // Keeps a channel to this node from now on, by any of its addresses.
  virtual void keep_connected(const wire::Member& member) = 0;
  // From now on the other end opens the channel, and this end does not.
  virtual void leave_calling(wire::NodeId node) = 0;
  // All other nodes have left: they are retried for a while, and then no more.
  virtual void let_go_but(const std::vector<wire::Member>& members) = 0;
  virtual void set_name(wire::NodeId node, std::string name) = 0;
  // For display; the beginning of its id if no name is known.
  virtual std::string name_of(wire::NodeId node) const = 0;
};

// On the node's thread.
class Membership {
 public:
  // Transport and directory must outlive it.
  Membership(wire::NodeId self, Transport& transport, PeerDirectory& directory,
             std::function<void(const std::string&)> note)
      : self_(self), transport_(&transport), directory_(&directory), note_(std::move(note)) {}

  void register_handlers(Dispatch& dispatch);

  void on_state(const wire::ReplicatedState& state);
  void on_leader(const wire::ReplicatedState& state, std::optional<wire::NodeId> leader);
  // Reports the leader to a connected node that the state does not have as online: a node that joined through this one
  // knows no other.
  void introduce_leader(const wire::ReplicatedState& state, wire::NodeId peer);
  void introduce_leader_to_all(const wire::ReplicatedState& state);

 private:
  wire::NodeId self_;
  Transport* transport_;
  PeerDirectory* directory_;
  std::function<void(const std::string&)> note_;
  std::optional<wire::NodeId> leader_;
  std::set<wire::NodeId> callers_;  // online nodes that open the channel to this one
};

}  // namespace exogpu::node
