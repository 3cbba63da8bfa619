// The channels between the nodes of a world.
#include "sim/world_node.h"

namespace exogpu::sim {

// After a while it is noticed whether a channel can be.
void World::look_at_channel(uint32_t a, uint32_t b, double wait_s) {
  after(seconds(wait_s), [this, a, b] { update_channel(std::min(a, b), std::max(a, b)); });
}

void World::look_at_channels() {
  for (uint32_t a = 0; a < nodes_.size(); ++a) {
    for (uint32_t b = a + 1; b < nodes_.size(); ++b) {
      const bool open = network_.open(a, b) && network_.open(b, a);
      const bool forth = channel_[a * nodes_.size() + b] != 0, back = channel_[b * nodes_.size() + a] != 0;
      if (open == forth && open == back) continue;
      look_at_channel(a, b, open ? dice_.between(0.1, 0.8) : dice_.between(0.75, 1.1));
    }
  }
}

// Each end notices on its own: one that has crashed and started again has no channel, whatever the other thought.
void World::update_channel(uint32_t a, uint32_t b) {
  const bool open = network_.open(a, b) && network_.open(b, a);
  const bool both = nodes_[a]->alive && nodes_[b]->alive;
  const bool up = both && (open || (!scenario_.network.channels && channel_[a * nodes_.size() + b] != 0));
  for (const auto& [one, other] : {std::pair(a, b), std::pair(b, a)}) {
    uint8_t& known = channel_[one * nodes_.size() + other];
    if (!nodes_[one]->alive) {
      if (known != 0) ++connection(a, b);
      known = 0;
      continue;
    }
    const auto incarnation = static_cast<uint8_t>(nodes_[other]->incarnation % 255 + 1);
    if (known != 0 && (!up || known != incarnation)) {  // of another incarnation of the other end: lost first
      known = 0;
      ++connection(a, b);
      link_down(one, other);
    }
    if (up && known == 0 && nodes_[one]->alive) {
      known = incarnation;
      link_up(one, other);
    }
  }
}

// As a node does it when a channel closes.
void World::link_down(uint32_t number, uint32_t other) {
  SimNode& node = *nodes_[number];
  const wire::NodeId peer = nodes_[other]->id;
  node.frames->peer_lost(peer);
  node.server->peer_lost(peer);
  fairness_.peer_lost(node.id, peer);
  for (Clients* clients : node.clients_by_index) clients->peer_lost(peer);
  node.workers->link_lost(peer, {ErrorCode::unavailable, "a node of the ring is away"}, now_);
  node.agent->link_down(peer, now_);
  drive(number);
}

void World::link_up(uint32_t number, uint32_t other) {
  SimNode& node = *nodes_[number];
  node.agent->link_up(nodes_[other]->id, now_);
  node.workers->tick(now_);
  drive(number);
}

}  // namespace exogpu::sim
