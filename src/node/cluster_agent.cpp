#include "node/cluster_agent.h"

#include <map>

#include "base/log.h"

namespace exogpu::node {
namespace {

// Heartbeats and the like must not wait behind activations. What may be long, or carries a plan, may.
net::Lane lane_of(const cluster::Message& message) {
  const bool is_long = std::holds_alternative<wire::LogEntries>(message) ||
                       std::holds_alternative<wire::LogSnapshot>(message) ||
                       std::holds_alternative<wire::LogProposal>(message);
  return is_long ? net::Lane::ordered : net::Lane::urgent;
}

}  // namespace

ClusterAgent::ClusterAgent(wire::NodeFacts facts, const cluster::AgentOptions& options, Transport& transport,
                           ClusterAgentHost host)
    : changes_(facts.info.self.node),
      agent_(std::move(facts), options, host.now()),
      transport_(&transport),
      host_(std::move(host)) {}

template <typename Message>
void ClusterAgent::receive(Dispatch& dispatch) {
  dispatch.on<Message>([this](wire::NodeId from, Message message) {
    agent_.receive(from, cluster::Message(std::move(message)), host_.now());
    pump();
  });
}

void ClusterAgent::register_handlers(Dispatch& dispatch) {
  receive<wire::ElectionProbe>(dispatch);
  receive<wire::Heartbeat>(dispatch);
  receive<wire::HeartbeatAck>(dispatch);
  receive<wire::LinkPing>(dispatch);
  receive<wire::LogEntries>(dispatch);
  receive<wire::LogSnapshot>(dispatch);
  receive<wire::LogProposal>(dispatch);
}

void ClusterAgent::tick() {
  change([](cluster::Agent& agent, cluster::Time now) { agent.tick(now); });
}

void ClusterAgent::pump() {
  pump_again_ = true;
  if (pumping_) return;
  pumping_ = true;
  while (std::exchange(pump_again_, false)) {
    const cluster::Output out = agent_.take();
    if (out.persist_counter) {
      if (auto saved = host_.persist_counter(*out.persist_counter); !saved) host_.note(saved.error().message);
    }
    send(out.sends);
    for (const std::string& reason : out.failed_commands) host_.note(reason);
    for (const std::string& who : out.not_believed) log::warning("cluster", "{}", who);
    if (agent_.leader() != leader_) {
      leader_ = agent_.leader();
      host_.on_leader();
    }
    if (!out.state_changed) continue;
    for (const StateChange& change : changes_.observe(state())) {
      log::write(change.level, "cluster", change.text);
      if (host_.on_change) host_.on_change(change);
    }
    host_.on_state();
  }
  pumping_ = false;
  host_.wake_at(agent_.wake());
}

// A message for several nodes is encoded once. One that cannot be sent is lost: the agent repeats what matters.
void ClusterAgent::send(const std::vector<cluster::Send>& sends) {
  std::map<const cluster::Message*, std::shared_ptr<const wire::ByteVector>> encoded;
  for (const cluster::Send& each : sends) {
    auto& bytes = encoded[each.message.get()];
    if (!bytes) {
      bytes = std::visit([](const auto& message) { return std::make_shared<const wire::ByteVector>(encode(message)); },
                         *each.message);
    }
    net::Outgoing frame;
    frame.header.of = wire::Control{std::visit([](const auto& message) { return message.kType; }, *each.message)};
    frame.lane = lane_of(*each.message);
    frame.payload = {*bytes};
    frame.owner = bytes;
    (void)transport_->send(each.to, std::move(frame));
  }
}

}  // namespace exogpu::node
