// Clients that ask one node for answers, and what the node does for them: the product's continuations and request
// client, driven by the state as the node knows it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "net/channel.h"
#include "pipeline/continuations.h"
#include "pipeline/request_client.h"
#include "sim/answer_checks.h"
#include "sim/network.h"
#include "wire/cluster_log.h"

namespace exogpu::sim {

// If there is no plan for so long, and the online nodes cannot have one, waiting requests fail. Other nodes may come
// back before.
inline constexpr Duration kNoPlanWait = std::chrono::seconds(3);

struct ClientsHost {
  std::function<Result<void>(wire::NodeId, net::Outgoing)> send;
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
  // `server`: of this node, see RequestClient.
  Clients(wire::NodeId self, pipeline::RequestServer& server, ClientsHost host);

  // Submits a request, numbered over all nodes. False: no model is served, so it is refused.
  bool ask(uint64_t number, const NodeIncarnation& node, uint32_t layers, uint64_t seed,
           std::vector<wire::TokenId> prompt, uint32_t tokens);
  void update(const wire::ReplicatedState& state, bool obeys, Time now);
  // The headers of this model have arrived, so prompts can be encoded.
  void set_encoder(const std::string& content) { encoder_ = content; }
  void on_generated(wire::NodeId from, const wire::Generated& message) { client_.on_generated(from, message); }
  void peer_lost(wire::NodeId peer) { client_.peer_lost(peer); }
  void resume() { continuations_.resume(); }
  size_t waiting() const { return continuations_.waiting(); }
  bool open() const { return continuations_.open() > 0; }

 private:
  Result<void> submit(wire::Generate request);
  void follow_plan(const wire::ReplicatedState& state);
  void on_event(pipeline::AnswerId id, const pipeline::TokenEvent& event);

  ClientsHost host_;
  pipeline::RequestClient client_;
  pipeline::Continuations continuations_;
  std::map<uint64_t, std::string> models_;  // of those open
  std::string encoder_;                     // of this content
  std::optional<std::string> model_;        // that requests are taken for
  std::optional<wire::NodeId> first_;       // stage, of the plan that serves
  std::optional<wire::PlanEpoch> epoch_;
  std::optional<Time> without_since_;  // a plan
};

}  // namespace exogpu::sim
