// What a user gives a node while it runs: its name and its limits.
#include "wire/node_settings.h"

#include <algorithm>
#include <format>

#include "base/log.h"
#include "node/node_impl.h"
#include "node/own_settings.h"

namespace exogpu::node {

void Node::Impl::register_settings_handlers() {
  dispatch_.on<wire::NodeSettings>([this](wire::NodeId from, const wire::NodeSettings& wanted) {
    if (wanted.name) take_name(peers_->name_of(from), *wanted.name);
    if (wanted.limits) take_limits(peers_->name_of(from), *wanted.limits);
  });
}

void Node::Impl::take_name(const std::string& by, const std::string& name) {
  const auto kept = keep_name(options_.state, name, resources_.name_option);
  audit().record({.who = by,
                  .from = {},
                  .action = "node.renamed",
                  .what = std::format("{} to {}", name_, name),
                  .result = kept ? "ok" : kept.error().message});
  if (!kept) return log::error("node", "this node keeps the name {}: {}", name_, kept.error().message);
  log::info("node", "node {} is called {} from now on; {} wanted that", name_, name, by);
  name_ = name;
  for (wire::DeviceProfile& device : resources_.devices) device.node_name = name;
  workers_->set_name(name);
  if (local_network_) local_network_->set_name(name);
  agent_->change([this](cluster::Agent& agent, cluster::Time now) { agent.set_facts(facts(), now); });
}

void Node::Impl::take_limits(const std::string& by, const wire::LimitChanges& changes) {
  const wire::OwnerLimits limits = wire::changed(options_.limits, changes);
  const auto kept = keep_limits(options_.state, limits, resources_.limit_options);
  audit().record({.who = by,
                  .from = {},
                  .action = "node.limits",
                  .what = wire::limits_text(limits),
                  .result = kept ? "ok" : kept.error().message});
  if (!kept) return log::error("node", "this node keeps its limits as they were: {}", kept.error().message);
  log::info("node", "the limits of this node are from now on: {}; {} wanted that", wire::limits_text(limits), by);
  options_.limits = limits;
  apply_limits();
}

void Node::Impl::apply_limits() {
  const wire::OwnerLimits& limits = options_.limits;
  limit_memory(resources_.devices, resources_.device_memory, limits.memory_max);
  memory_->set_bytes_all(host_memory());
  heat_->set_limits(limits);
  condition_.set_charge_floor(charge_floor(limits));
  look_at_owner();
  agent_->change([this](cluster::Agent& agent, cluster::Time now) { agent.set_facts(facts(), now); });
  report_condition();
}

// --- any thread

Result<void> Node::Impl::rename(std::string_view node, const std::string& name) {
  EXO_TRY(const wire::NodeId id, status_->find_node(node));
  EXO_CHECK(wire::check_node_name(name));
  const auto now = status_->snapshot();
  for (const NodeSnapshot& other : now->nodes) {
    if (other.id == id) {
      if (!other.online) return fail(ErrorCode::unavailable, "node {} is offline; rename it when it is back", node);
    } else if (other.name == name) {
      return fail(ErrorCode::already_exists, "another node is called {}; choose another name", name);
    }
  }
  loop_.post([this, id, name] {
    if (id == self()) return take_name("local", name);
    const auto sent = peers_->send_message(id, wire::NodeSettings{.name = name});
    if (!sent)
      note(std::format("node {} does not hear that it is to be called {}: {}", peers_->name_of(id), name,
                       sent.error().message));
  });
  return {};
}

Result<void> Node::Impl::set_limits(std::string_view node, const wire::LimitChanges& changes) {
  EXO_TRY(const wire::NodeId id, status_->find_node(node));
  EXO_CHECK(wire::check(changes.set));
  const auto now = status_->snapshot();
  const auto found = std::ranges::find(now->nodes, id, &NodeSnapshot::id);
  if (found != now->nodes.end() && !found->online) {
    return fail(ErrorCode::unavailable, "node {} is offline; set its limits when it is back", node);
  }
  loop_.post([this, id, changes] {
    if (id == self()) return take_limits("local", changes);
    const auto sent = peers_->send_message(id, wire::NodeSettings{.limits = changes});
    if (!sent) note(std::format("node {} does not hear of its limits: {}", peers_->name_of(id), sent.error().message));
  });
  return {};
}

}  // namespace exogpu::node
