// The part of a node that keeps it connected: to which members channels are kept, what they are called, and who is told
// of the leader.
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

// The nodes that channels are kept to. `Peers` is the real one.
class PeerDirectory {
 public:
  virtual ~PeerDirectory() = default;
  // Keeps a channel to this node from now on, by any of its addresses.
  virtual void keep(const wire::Member& member) = 0;
  // The other end opens the channel, and this one no longer does.
  virtual void leave_calling(wire::NodeId node) = 0;
  // Nodes that are not among these have left: they are tried for a while longer, and then no more.
  virtual void let_go_but(const std::vector<wire::Member>& members) = 0;
  virtual void set_name(wire::NodeId node, std::string name) = 0;
  // For people; the beginning of its id where no name is known.
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
  // Names the leader to a connected node that the state does not know as online: a node that joined by way of this one
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
