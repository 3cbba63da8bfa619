// A world whose models are loaded when requests name them, and make room for each other.
#include <algorithm>
#include <format>

#include "cluster/make_room.h"
#include "sim/world_node.h"

namespace exogpu::sim {

using namespace wire;

// Any node of a world has the file of any model, so that whichever was asked proposes it.
void World::want_model(uint32_t number, uint32_t variant) {
  const ServedModel wanted = model(variant);
  if (nodes_[number]->agent->state().models.contains(wanted.content)) return;
  nodes_[number]->agent->command(ModelSet{.model = wanted}, now_);
}

// A request for a model that is not served waits at its node.
void World::ask_for(uint32_t number, uint32_t variant, ClientRequest request) {
  SimNode& node = *nodes_[number];
  const std::string content = model(variant).content;
  Clients& clients = clients_of(number, content);
  if (node.agent->state().models.contains(content) && clients.ask(request, node.current(number), scenario_.layers)) {
    return;
  }
  trace(std::format("n{} waits for {}", number, model(variant).model));
  node.waiting.push_back({.variant = variant, .request = std::move(request)});
  want_model(number, variant);
}

void World::retry_waiting(uint32_t number) {
  SimNode& node = *nodes_[number];
  for (WaitingRequest& waiting : std::exchange(node.waiting, {})) {
    ask_for(number, waiting.variant, std::move(waiting.request));
  }
  // Answers whose model made room for another one while no ring computed them.
  for (uint32_t variant = 1; variant <= scenario_.library; ++variant) {
    const auto clients = node.clients.find(model(variant).content);
    if (clients != node.clients.end() && clients->second->waiting() > 0) want_model(number, variant);
  }
}

// Only a model that has no room even alone is not waited for.
std::string World::library_excuse(uint32_t number, const std::string& content) const {
  uint32_t variant = 1;
  while (variant < scenario_.library && model(variant).content != content) ++variant;
  return cluster::too_large_reason(nodes_[number]->agent->state(), model(variant));
}

// What no leader may do to make room.
void World::check_removed(uint32_t number) {
  SimNode& node = *nodes_[number];
  const ReplicatedState& state = node.agent->state();
  const bool leads = node.agent->role() == cluster::Role::leading;
  const bool follows_on = std::exchange(node.known_in, state.at.term) == state.at.term && leads;
  for (const auto& [content, pinned] : std::exchange(node.known_models, {})) {
    if (!follows_on || state.models.contains(content)) continue;
    if (pinned) checks_.fail(std::format("n{} removes a model that is pinned", number));
    const auto clients = node.clients.find(content);
    if (clients == node.clients.end() || !clients->second->open()) continue;
    checks_.fail(std::format("n{} removes a model while it answers", number));
  }
  for (const auto& [content, model] : state.models) node.known_models.emplace(content, model.served.pinned);
}

// Requests that still wait in the end, though their model has room.
void World::check_waiting() {
  const auto waits = [this](uint32_t number) {
    const SimNode& node = *nodes_[number];
    return node.alive && std::ranges::any_of(node.waiting, [&](const WaitingRequest& each) {
             return library_excuse(number, model(each.variant).content).empty();
           });
  };
  for (uint32_t number = 0; number < nodes_.size(); ++number) {
    for (int i = 0; i < 300 && waits(number) && checks_.failure().empty(); ++i) {
      run_until(now_ + std::chrono::milliseconds(100));
    }
    if (waits(number)) checks_.fail(std::format("a request at n{} waits for a model that has room", number));
  }
}

}  // namespace exogpu::sim
