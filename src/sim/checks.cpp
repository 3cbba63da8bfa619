#include "sim/checks.h"

#include <format>
#include <functional>
#include <string_view>

namespace exogpu::sim {

using namespace wire;

void Checks::observe(const Life& life, const cluster::Agent& agent) {
  const Term& term = agent.term();
  Term& last = last_term_[life];
  if (term < last) {
    fail(std::format("node {} obeys term {} after term {}", life.node, to_text(term), to_text(last)));
  }
  if (agent.role() == cluster::Role::electing || term == last) {
    if (agent.role() != cluster::Role::leading) return;
  }
  last = term;
  if (agent.role() == cluster::Role::leading) {
    const auto [leader, first] = leaders_.emplace(term, life);
    if (!first && leader->second != life) {
      fail(std::format("term {} is led by node {} started as {:x} and by node {} started as {:x}", to_text(term),
                       leader->second.node, leader->second.incarnation, life.node, life.incarnation));
    }
  }
  const auto [leader, first] = obeyed_.emplace(term, *agent.leader());
  if (!first && leader->second != *agent.leader()) fail(std::format("term {} has two leaders", to_text(term)));
}

void Checks::observe_state(const Life& life, const ReplicatedState& state) {
  if (whole_states_) {
    const auto bytes = encode(LogSnapshot{.term = state.at.term, .state = state});
    const uint64_t digest = std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    const auto [known, first] = states_.emplace(state.at, digest);
    if (!first && known->second != digest) {
      fail(std::format("node {} has another state at {} than one before it", life.node, to_text(state.at)));
    }
  }
  if (state.plan) {
    const auto& plan = state.plan->made.plan;
    const auto [known, first] = plans_.emplace(plan.epoch, plan);
    if (!first && known->second != plan) fail(std::format("two plans have epoch {:x}", plan.epoch.value()));
  }
}

void Checks::took_on(const Life& life, PlanEpoch epoch) {
  PlanEpoch& last = last_epoch_[life];
  if (epoch <= last) {
    fail(std::format("node {} took on a plan of epoch {:x} after epoch {:x}", life.node, epoch.value(), last.value()));
  }
  last = epoch;
}

void Checks::memory_used(const Life& life, const std::string& device, Bytes used, Bytes room) {
  if (used <= room) return;
  fail(std::format("node {}: {} uses {}, and has room for {}", life.node, device, format_bytes(used),
                   format_bytes(room)));
}

}  // namespace exogpu::sim
