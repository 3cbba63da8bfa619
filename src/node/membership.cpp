#include "node/membership.h"

#include <format>

#include "cluster/names.h"

namespace exogpu::node {

void Membership::register_handlers(Dispatch& dispatch) {
  dispatch.on<wire::LeaderHint>([this](wire::NodeId, const wire::LeaderHint& message) {
    if (!leader_) directory_->keep_connected(message.leader);
  });
}

// Of two nodes, the one with the smaller id opens the channel. After its restart it may not know the other's address,
// so the other opens it to a node that is offline.
void Membership::on_state(const wire::ReplicatedState& state) {
  const auto names = cluster::names_of(state.nodes);
  std::vector<wire::Member> online;
  for (const auto& [id, node] : state.nodes) {
    wire::Member member = node.facts.info.self;
    member.name = names.at(id);
    if (!node.online) {
      if (callers_.erase(id) > 0) directory_->keep_connected(member);
      continue;
    }
    directory_->set_name(id, member.name);
    if (self_ < id) {
      directory_->keep_connected(member);
    } else {
      directory_->leave_calling(id);
      callers_.insert(id);
    }
    online.push_back(std::move(member));
  }
  directory_->let_go_but(online);
}

void Membership::on_leader(const wire::ReplicatedState& state, std::optional<wire::NodeId> leader) {
  leader_ = leader;
  if (!leader) return;
  note_(*leader == self_ ? "this node is the leader"
                         : std::format("node {} is the leader", directory_->name_of(*leader)));
  introduce_leader_to_all(state);
}

void Membership::introduce_leader(const wire::ReplicatedState& state, wire::NodeId peer) {
  if (!leader_ || *leader_ == self_ || *leader_ == peer) return;
  const auto leader = state.nodes.find(*leader_);
  const auto known = state.nodes.find(peer);
  if (leader == state.nodes.end() || (known != state.nodes.end() && known->second.online)) return;
  (void)transport_->send_message(peer, wire::LeaderHint{leader->second.facts.info.self});
}

void Membership::introduce_leader_to_all(const wire::ReplicatedState& state) {
  for (const wire::NodeId peer : transport_->connected_nodes()) introduce_leader(state, peer);
}

}  // namespace exogpu::node
