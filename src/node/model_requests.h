// What clients request of this node for one model: their generations, the requests that these send to the node of the
// first stage, and whether requests are taken.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "node/generations.h"
#include "node/serving_gate.h"
#include "node/transport.h"
#include "pipeline/request_client.h"
#include "pipeline/request_server.h"

namespace exogpu::node {

// The rings of the current plans. On the node's thread.
struct RingAccess {
  // Of the plan with this epoch. Null while this node does not have its first stage, or not all stages are ready.
  std::function<pipeline::Driver*(wire::PlanEpoch)> driver;
  // The node of the first stage, by the cluster's plan with this epoch.
  std::function<std::optional<wire::NodeId>(wire::PlanEpoch)> first_node;
};

// On the node's thread, except for what Generations allows on any. Everything that is borrowed must outlive it.
class ModelRequests {
 public:
  // A node has one RequestServer for all models, so the numbers of requests differ: those of the `index`-th model have
  // it in their upper bits. `host`: without submit and cancel, which are this class's own.
  ModelRequests(uint32_t index, std::string content, wire::NodeId self, pipeline::RequestServer& server,
                Transport& transport, const RingAccess& rings, GenerationsHost host,
                std::function<void(const std::string&)> note);

  // The index of the model that a request with this number is for.
  static uint32_t index_of(uint64_t request) { return static_cast<uint32_t>(request >> kIndexShift); }
  void on_generated(wire::NodeId from, const wire::Generated& message) { client_.on_generated(from, message); }

  void on_link_down(wire::NodeId peer) { client_.peer_lost(peer); }
  // The other nodes that compute answers for this one now.
  std::set<wire::NodeId> answering_nodes() const { return client_.answering_nodes(); }

  const std::string& content() const { return content_; }
  Generations& generations() { return generations_; }
  const Generations& generations() const { return generations_; }
  ServingGate& gate() { return gate_; }

 private:
  static constexpr unsigned kIndexShift = 40;
  uint64_t numbered(uint64_t request) const { return request | (uint64_t{index_} << kIndexShift); }
  pipeline::RequestClientHost client_host(Transport& transport);
  GenerationsHost generations_host(GenerationsHost host);

  uint32_t index_;
  std::string content_;
  const RingAccess* rings_;
  wire::PlanEpoch asked_;  // the ring of the request that is being sent
  pipeline::RequestClient client_;
  Generations generations_;
  ServingGate gate_;
};

}  // namespace exogpu::node
