#include "sim/checks.h"

#include <format>
#include <functional>
#include <string_view>

#include "cluster/plan_input.h"

namespace exogpu::sim {

using namespace wire;

void Checks::observe(const NodeIncarnation& node, const cluster::Agent& agent) {
  const Term& term = agent.term();
  Term& last = last_term_[node];
  if (term < last) {
    fail(std::format("node {} obeys term {} after term {}", node.number, to_text(term), to_text(last)));
  }
  if (agent.role() == cluster::Role::electing || term == last) {
    if (agent.role() != cluster::Role::leading) return;
  }
  last = term;
  if (agent.role() == cluster::Role::leading) {
    const auto [leader, first] = leaders_.emplace(term, node);
    if (!first && leader->second != node) {
      fail(std::format("term {} is led by node {} started as {:x} and by node {} started as {:x}", to_text(term),
                       leader->second.number, leader->second.incarnation, node.number, node.incarnation));
    }
  }
  const auto [leader, first] = obeyed_.emplace(term, *agent.leader());
  if (!first && leader->second != *agent.leader()) fail(std::format("term {} has two leaders", to_text(term)));
}

void Checks::observe_state(const NodeIncarnation& node, const ReplicatedState& state) {
  if (whole_states_) {
    const auto bytes = encode(LogSnapshot{.term = state.at.term, .state = state});
    const uint64_t digest = std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    const auto [known, first] = states_.emplace(state.at, digest);
    if (!first && known->second != digest) {
      fail(std::format("node {} has another state at {} than one before it", node.number, to_text(state.at)));
    }
  }
  check_plans(state);
}

void Checks::check_plans(const ReplicatedState& state) {
  std::map<DeviceRef, Bytes> planned;
  for (const auto& [content, model] : state.models) {
    if (!model.plan) continue;
    const auto& plan = model.plan->made.plan;
    const auto [known, first] = plans_.emplace(plan.epoch, plan);
    if (!first && known->second != plan) fail(std::format("two plans have epoch {:x}", plan.epoch.value()));
    for (size_t i = 0; i < plan.stages.size(); ++i) planned[plan.stages[i].device] += model.plan->made.stage_bytes[i];
  }
  for (const auto& [device, bytes] : planned) {
    const DeviceProfile* profile = cluster::find_device(state.nodes, device);
    if (profile == nullptr || bytes <= profile->memory_free) continue;
    fail(std::format("the plans give {} of node {} to a device with {}", format_bytes(bytes), profile->node_name,
                     format_bytes(profile->memory_free)));
  }
}

void Checks::took_on(const NodeIncarnation& node, const std::string& content, PlanEpoch epoch) {
  PlanEpoch& last = last_epoch_[{node, content}];
  if (epoch <= last) {
    fail(
        std::format("node {} took on a plan of epoch {:x} after epoch {:x}", node.number, epoch.value(), last.value()));
  }
  last = epoch;
}

void Checks::memory_used(const NodeIncarnation& node, const std::string& device, Bytes used, Bytes room) {
  if (used <= room) return;
  fail(std::format("node {}: {} uses {}, and has room for {}", node.number, device, format_bytes(used),
                   format_bytes(room)));
}

}  // namespace exogpu::sim
