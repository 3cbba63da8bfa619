// The part of a node that answers: requests of its own API, whose tokens it asks of the node of the first stage, and
// requests of other nodes, which it submits to the ring where the first stage is here.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <utility>

#include "node/cluster_snapshot.h"
#include "node/dispatch.h"
#include "node/generations.h"
#include "node/transport.h"
#include "pipeline/driver.h"

namespace exogpu::node {

// The ring of the plan, as this node has it. On the node's thread.
struct RingAccess {
  // Null while the first stage is not here, or not all stages are ready.
  std::function<pipeline::Driver*()> driver;
  // Of the plan that this node holds.
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

  // What the peer computes for this node is interrupted; what this node computes for the peer is cancelled.
  void on_link_down(wire::NodeId peer);

  Generations& generations() { return generations_; }
  // The nodes that compute answers for this one now.
  std::set<wire::NodeId> answering_nodes() const;
  // The rates since the previous call; nothing where the ring does not begin here.
  std::optional<LiveRates> measure(std::chrono::steady_clock::time_point now);

 private:
  using OnMessage = std::function<void(const wire::Generated&)>;
  Result<void> submit(wire::Generate request);
  void cancel(uint64_t request);
  void on_generate(wire::NodeId from, wire::Generate request);
  void on_generated(wire::NodeId from, const wire::Generated& message);
  void on_cancel(wire::NodeId from, uint64_t request);
  Result<pipeline::RequestId> drive(wire::Generate request, OnMessage on_message);
  bool cancel_driven(wire::NodeId from, uint64_t request);

  struct Counts {
    std::chrono::steady_clock::time_point at{};
    uint64_t sampled = 0, computed = 0;  // tokens
  };

  wire::NodeId self_;
  Transport* transport_;
  RingAccess ring_;
  Generations generations_;
  std::map<uint64_t, wire::NodeId> asked_;  // requests that another node computes, and which
  // Requests that the ring which begins here computes: by the node that asked, and the number that it gave.
  std::map<std::pair<wire::NodeId, uint64_t>, pipeline::RequestId> driven_;
  Counts measured_;
};

}  // namespace exogpu::node
