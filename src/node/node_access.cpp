// The keys of the API of a node: its own reach the cluster, and those of the cluster reach its disk.
#include "node/node_impl.h"

namespace exogpu::node {

void Node::Impl::begin_access_keys() {
  const auto propose_keys = [this](std::vector<wire::AccessKey> keys) {
    if (!is_trusted(role())) return;
    agent_->change([&](cluster::Agent& agent, cluster::Time now) { agent.set_access_keys(std::move(keys), now); });
  };
  resources_.access_keys->on_change([this, propose_keys](std::vector<wire::AccessKey> keys) {
    loop_.post([propose_keys, keys = std::move(keys)]() mutable { propose_keys(std::move(keys)); });
  });
  propose_keys(resources_.access_keys->all());
}

// What is new is written to the disk, on another thread.
void Node::Impl::update_access_keys() {
  const KnownKeys& keys = agent_->state().access_keys;
  if (!is_trusted(role())) return;
  if (!resources_.access_keys->has_news(keys)) return;
  in_background([this, keys] {
    if (auto merged = resources_.access_keys->merge(keys); !merged) note(merged.error().message);
  });
}

}  // namespace exogpu::node
