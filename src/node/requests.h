// The part of a node that serves requests: those of its own API, which it sends to the node of the first stage, and
// those of other nodes, which it submits to its ring if that has the first stage.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <utility>

#include "node/cluster_snapshot.h"
#include "node/dispatch.h"
#include "node/generations.h"
#include "node/transport.h"
#include "pipeline/request_client.h"
#include "pipeline/request_server.h"

namespace exogpu::node {

// The ring of the current plan. On the node's thread.
struct RingAccess {
  // Null while this node does not have the first stage, or not all stages are ready.
  std::function<pipeline::Driver*()> driver;
  // Of this node's plan.
  std::function<std::optional<wire::PlanEpoch>()> epoch;
  // The node of the first stage, by the cluster's plan.
  std::function<std::optional<wire::NodeId>()> first_node;
};

// On the node's thread, except generate().
class Requests {
 public:
  // The transport must outlive it. `host`: without submit and cancel, which are this class's own.
  Requests(wire::NodeId self, Transport& transport, RingAccess ring, GenerationsHost host);

  void register_handlers(Dispatch& dispatch);

  // Any thread.
  void generate(GenerationRequest request, std::shared_ptr<GenerationListener> listener, std::stop_token cancel) {
    generations_.generate(std::move(request), std::move(listener), std::move(cancel));
  }

  // Interrupts requests that the peer computes for this node; cancels requests that this node computes for the peer.
  void on_link_down(wire::NodeId peer);

  Generations& generations() { return generations_; }
  // The other nodes that compute answers for this one now.
  std::set<wire::NodeId> answering_nodes() const { return client_.answering_nodes(); }
  // The rates since the previous call; empty if the ring does not begin here.
  std::optional<LiveRates> measure(std::chrono::steady_clock::time_point now);

 private:
  pipeline::RequestServerHost server_host();
  pipeline::RequestClientHost client_host();
  GenerationsHost generations_host(GenerationsHost host);

  struct Counts {
    std::chrono::steady_clock::time_point at{};
    uint64_t sampled = 0, computed = 0;  // tokens
  };

  wire::NodeId self_;
  Transport* transport_;
  RingAccess ring_;
  pipeline::RequestServer server_;
  pipeline::RequestClient client_;
  Generations generations_;
  Counts measured_;
};

}  // namespace exogpu::node
