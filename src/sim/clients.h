// Clients of one node, and the node's handling of their requests: the real continuations, driven by the state that the
// node knows.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "net/channel.h"
#include "pipeline/continuations.h"
#include "sim/answer_checks.h"
#include "sim/network.h"
#include "wire/cluster_log.h"

namespace exogpu::sim {

// If there is no plan for so long, and the online nodes cannot have one, waiting requests fail. Other nodes may come
// back before.
inline constexpr Duration kNoPlanWait = std::chrono::seconds(3);

struct ClientsHost {
  std::function<Result<void>(wire::NodeId, net::Outgoing)> send;
  // Like RequestServer::begin(), of this node.
  std::function<Result<void>(wire::Generate)> begin_here;
  std::function<void(uint64_t request)> cancel_here;
  std::function<void(const std::string&)> trace;
  // Why this node believes that nothing can be served now; empty if it can.
  std::function<std::string(const std::string& model)> excuse;
  AnswerChecks* checks = nullptr;
  Duration no_plan_wait = kNoPlanWait;
  bool forgets_last = false;  // injected bugs, see InjectedBug
  bool careless = false;
};

class Clients {
 public:
  Clients(wire::NodeId self, ClientsHost host);

  // Submits a request, numbered over all nodes. False: no model is served, so it is refused.
  bool ask(uint64_t number, const Life& life, uint32_t layers, uint64_t seed, std::vector<wire::TokenId> prompt,
           uint32_t tokens);
  void update(const wire::ReplicatedState& state, bool obeys, Time now);
  // The headers of this model have arrived, so prompts can be encoded.
  void set_encoder(const std::string& content) { encoder_ = content; }
  void on_generated(wire::NodeId from, const wire::Generated& message);
  void peer_lost(wire::NodeId peer);
  void resume() { continuations_.resume(); }
  size_t waiting() const { return continuations_.waiting(); }
  bool open() const { return continuations_.open() > 0; }

 private:
  Result<void> submit(wire::Generate wanted);
  void cancel(uint64_t request);
  void follow_plan(const wire::ReplicatedState& state);
  void on_event(pipeline::AnswerId id, const pipeline::TokenEvent& event);

  wire::NodeId self_;
  ClientsHost host_;
  pipeline::Continuations continuations_;
  std::map<uint64_t, std::string> models_;     // of those open
  std::map<uint64_t, wire::NodeId> asked_of_;  // by request
  std::string encoder_;                        // of this content
  std::optional<std::string> model_;           // that requests are taken for
  std::optional<wire::NodeId> first_;          // stage, of the plan that serves
  std::optional<wire::PlanEpoch> epoch_;
  std::optional<Time> without_since_;  // a plan
};

}  // namespace exogpu::sim
