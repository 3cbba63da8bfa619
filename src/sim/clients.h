// Clients that ask one node for answers of one model, and what the node does for them: the product's continuations and
// request client, driven by the state as the node knows it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/channel.h"
#include "pipeline/continuations.h"
#include "pipeline/request_client.h"
#include "sim/answer_checks.h"
#include "sim/fairness_checks.h"
#include "sim/network.h"
#include "wire/cluster_log.h"

namespace exogpu::sim {

// If there is no plan for so long, and the online nodes cannot have one, waiting requests fail. Other nodes may come
// back before.
inline constexpr Duration kNoPlanWait = std::chrono::seconds(3);

struct ClientsHost {
  std::function<Result<void>(wire::NodeId, net::Outgoing)> send;
  std::function<void(const std::string&)> trace;
  // Why this node believes that the model cannot be served now; empty if it can.
  std::function<std::string()> excuse;
  AnswerChecks* checks = nullptr;
  FairnessChecks* fairness = nullptr;
  bool recurrent = false;  // the models are
  Duration no_plan_wait = kNoPlanWait;
  bool forgets_last = false;  // injected bugs, see InjectedBug
  bool careless = false;
  bool confuses_clients = false;
};

// One request of a client.
struct ClientRequest {
  uint64_t number = 0;  // over all nodes
  wire::ClientId client;
  uint64_t seed = 0;
  std::vector<wire::TokenId> prompt;
  uint32_t tokens = 0;
};

class Clients {
 public:
  // Of the model with this content id. As in a node, the numbers of requests have the model's index in the upper bits.
  // `server`: of this node, see RequestClient.
  Clients(uint32_t index, std::string content, wire::NodeId self, pipeline::RequestServer& server, ClientsHost host);
  static uint32_t index_of(uint64_t request) { return static_cast<uint32_t>(request >> kIndexShift); }

  bool takes_requests() const { return takes_requests_; }
  // False: the model is not served, so it is refused.
  bool ask(ClientRequest request, const NodeIncarnation& node, uint32_t layers);
  void update(const wire::ReplicatedState& state, bool obeys, Time now);
  // The model's headers have arrived, so prompts can be encoded.
  void set_encoder() { encoder_ = true; }
  void on_generated(wire::NodeId from, const wire::Generated& message) { client_.on_generated(from, message); }
  void peer_lost(wire::NodeId peer) { client_.peer_lost(peer); }
  void resume() { continuations_.resume(); }
  size_t waiting() const { return continuations_.waiting(); }
  bool open() const { return continuations_.open() > 0; }

 private:
  static constexpr unsigned kIndexShift = 40;
  uint64_t numbered(uint64_t request) const { return request | (uint64_t{index_} << kIndexShift); }
  Result<void> submit(wire::Generate request);
  void follow_plan(const wire::ModelRecord& model);
  void pause(const std::string& why);
  void on_event(pipeline::AnswerId id, const pipeline::TokenEvent& event);

  uint32_t index_;
  std::string content_;
  wire::NodeId self_;
  ClientsHost host_;
  pipeline::RequestClient client_;
  pipeline::Continuations continuations_;
  bool encoder_ = false;
  bool takes_requests_ = false;
  std::optional<wire::NodeId> first_;  // stage, of the plan that serves
  std::optional<wire::PlanEpoch> epoch_;
  std::optional<Time> without_since_;  // a plan
};

}  // namespace exogpu::sim
