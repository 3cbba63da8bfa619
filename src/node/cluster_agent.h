// The agent of this node on the network: it receives other agents' messages from the dispatch table, sends its own
// through the transport, logs how the state changes, and reports a new leader and a new state to the node.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cluster/agent.h"
#include "node/dispatch.h"
#include "node/state_changes.h"
#include "node/transport.h"

namespace exogpu::node {

struct ClusterAgentHost {
  std::function<cluster::Time()> now;
  // leader() is another, or none. Called before on_state() where both change.
  std::function<void()> on_leader;
  // state() is another.
  std::function<void()> on_state;
  // Puts the highest counter of a term on the disk before it returns; see cluster::Output::persist_counter.
  std::function<Result<void>(uint64_t counter)> persist_counter;
  // tick() is due then, instead of at the previous time.
  std::function<void(cluster::Time)> wake_at;
  std::function<void(const std::string&)> note;
  // As it was logged; may be absent.
  std::function<void(const StateChange&)> on_change{};
};

// On the node's thread.
class ClusterAgent {
 public:
  // The transport must outlive it.
  ClusterAgent(wire::NodeFacts facts, const cluster::AgentOptions& options, Transport& transport,
               ClusterAgentHost host);

  void register_handlers(Dispatch& dispatch);
  void tick();

  // Calls `change` with the agent and the time, and then does what the agent requests: sends, and calls of the
  // host. The requests of a change from inside such a call are done when the call is over.
  template <typename Change>
  void change(Change change) {
    change(agent_, host_.now());
    pump();
  }

  const wire::ReplicatedState& state() const { return agent_.state(); }
  uint64_t library_version() const { return agent_.library_version(); }
  const wire::Term& term() const { return agent_.term(); }
  std::optional<wire::NodeId> leader() const { return leader_; }
  std::string no_leader_reason() const { return agent_.no_leader_reason(); }

 private:
  template <typename Message>
  void receive(Dispatch& dispatch);
  void pump();
  void send(const std::vector<cluster::Send>& sends);

  StateChanges changes_;  // as they were logged
  cluster::Agent agent_;
  Transport* transport_;
  ClusterAgentHost host_;
  std::optional<wire::NodeId> leader_;  // as on_leader() reported it
  bool pumping_ = false;
  bool pump_again_ = false;
};

}  // namespace exogpu::node
