// The requests of this node: each is sent to the node of the first stage, which may be this node, and its events
// are returned.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "net/channel.h"
#include "pipeline/request_server.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

struct RequestClientHost {
  // The node of the first stage, where there is a plan.
  std::function<std::optional<wire::NodeId>()> first_node;
  // Errors: there is no way to the node, or no room.
  std::function<Result<void>(wire::NodeId to, net::Outgoing)> send;
  std::function<void(const wire::Generated&)> on_generated;
  // A node that computes requests of this one was lost.
  std::function<void()> on_interrupted;
};

// One thread, that of the server.
class RequestClient {
 public:
  // `server`: of this node; it must outlive this, and send this node's own events to on_generated() here.
  RequestClient(wire::NodeId self, RequestServer& server, RequestClientHost host)
      : self_(self), server_(&server), host_(std::move(host)) {}

  // Errors: kRingEnded, where there is no plan or no way to the node. What the node refuses is reported as an event,
  // possibly before this returns.
  Result<void> submit(wire::Generate request);
  // Nothing more of it is reported. A number that is not in flight is ignored.
  void cancel(uint64_t request);
  // Events of a node that was not asked are ignored.
  void on_generated(wire::NodeId from, const wire::Generated& message);
  void peer_lost(wire::NodeId peer);

  // The other nodes that compute requests of this one now.
  std::set<wire::NodeId> answering_nodes() const;

 private:
  wire::NodeId self_;
  RequestServer* server_;
  RequestClientHost host_;
  std::map<uint64_t, wire::NodeId> in_flight_;  // the node that each request was sent to
};

}  // namespace exogpu::pipeline
