// While a client waits at a ring, no other client is given more than the fair queue allows.
//
// The bound is that of the virtual token counter (see pipeline/fair_queue.h): while one client waits, another is given
// at most four times what the sequences of a ring may hold.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "sim/checks.h"
#include "wire/node_id.h"
#include "wire/ring.h"

namespace exogpu::sim {

class FairnessChecks {
 public:
  using RingId = std::pair<wire::NodeId, wire::PlanEpoch>;  // the node of its first stage, its plan

  // `bound`: the cost of what another client may be given.
  FairnessChecks(Checks& checks, uint64_t bound) : checks_(&checks), bound_(bound) {}

  // `client`: who truly asks, whatever the request says.
  void submitted(wire::NodeId from, const wire::Generate& request, wire::ClientId client);
  // `node`: of the ring's first stage.
  void sent(wire::NodeId node, wire::NodeId to, const wire::Generated& message);
  void cancelled(wire::NodeId from, uint64_t request);
  // What `peer` has asked of the rings at `node` is dropped.
  void peer_lost(wire::NodeId node, wire::NodeId peer);

 private:
  struct Asked {
    wire::ClientId client;
    uint64_t cost = 0;
    RingId ring{};  // that it waits at, or was begun by; of no node before the ring has accepted it
    bool waits = false;
    bool begun = false;
  };
  using Key = std::pair<wire::NodeId, uint64_t>;  // the requester, and its number
  using ClientAtRing = std::pair<RingId, wire::ClientId>;

  void begun(const Asked& request);
  void removed(const Asked& request) { given_.erase({request.ring, request.client}); }

  Checks* checks_;
  uint64_t bound_;
  std::map<Key, Asked> asked_;
  // To each other client, while one waits.
  std::map<ClientAtRing, std::map<wire::ClientId, uint64_t>> given_;
};

}  // namespace exogpu::sim
