// Whether all is well in a world.
#include <algorithm>
#include <format>

#include "cluster/fold.h"
#include "cluster/plan_for.h"
#include "sim/world_node.h"

namespace exogpu::sim {

using namespace cluster;
using namespace wire;

std::string World::unsettled(uint32_t number, uint32_t leader) const {
  const Agent& lead = *nodes_[leader]->agent;
  const SimNode& node = *nodes_[number];
  if (node.agent->role() == Role::electing) {
    return std::format("n{} has no leader: {}", number, node.agent->no_leader_reason());
  }
  if (node.agent->term() != lead.term()) return std::format("n{} obeys term {}", number, to_text(node.agent->term()));
  if (number != leader && node.agent->role() == Role::leading) return std::format("n{} leads, too", number);
  if (node.agent->state() != lead.state()) {
    return std::format("n{} is at {}, and the leader at {}", number, to_text(node.agent->state().at),
                       to_text(lead.state().at));
  }
  const auto known = lead.state().nodes.find(node.id);
  if (known == lead.state().nodes.end() || !known->second.online) return std::format("n{} counts as lost", number);
  if (known->second.facts.incarnation != node.incarnation)
    return std::format("an earlier incarnation of n{} is known", number);
  const NodeCondition& condition = known->second.condition;
  if (node.on_battery && node.charge < 0.2 && !(condition.battery && condition.battery->low)) {
    return std::format("the battery of n{} is low, and that is not known", number);
  }
  if (condition.memory.bytes_max.has_value() != (node.memory_left < 1))
    return std::format("whether n{} is short of memory is not known", number);
  if (condition.shards != shards_of(node.workers->local_plans()))
    return std::format("the resident shards of n{} are not known", number);
  return {};
}

std::string World::unsettled() const {
  const auto leader = leading_node();
  if (!leader) return "no node leads";
  const ReplicatedState& state = nodes_[*leader]->agent->state();
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i]->alive) continue;
    if (std::string why = unsettled(i, *leader); !why.empty()) return why;
  }
  for (const auto& [id, known] : state.nodes) {
    if (known.online && !nodes_[number_of(id)]->alive) return std::format("n{} counts as alive", number_of(id));
  }
  if (scenario_.wants_service && state.models.empty()) return "no model is to be served";
  for (const auto& [content, model] : state.models) {
    if (std::string why = unsettled(state, model); !why.empty()) return std::format("{}: {}", model.served.model, why);
  }
  return {};
}

std::string World::unsettled(const ReplicatedState& state, const ModelRecord& model) const {
  const std::string why = avoidable_reason(model_view(state, model.served.content));
  if (!why.empty()) return "a plan uses " + why;
  if (model.plan && !serving(model)) return "the plan is not served";
  if (!model.plan && (model.no_plan_reason.empty() || scenario_.wants_service))
    return "there is no plan: " + model.no_plan_reason;
  if (!model.plan) return {};
  if (std::string wrong = mispredicted(state, model); scenario_.profile_off > 0 && !wrong.empty()) return wrong;
  const auto first = number_of(model.plan->made.plan.stages.front().device.node);
  if (!nodes_[first]->alive) return std::format("n{}, where the ring begins, is down", first);
  auto* driver = nodes_[first]->workers->driver(model.plan->made.plan.epoch);
  if (scenario_.wants_service && (driver == nullptr || driver->over())) return std::format("n{} does not serve", first);
  return {};
}

bool World::better_plan_pending() const {
  const auto leader = leading_node();
  if (!leader) return true;
  const ReplicatedState& state = nodes_[*leader]->agent->state();
  // A new reason why there is none is no better plan.
  return std::ranges::any_of(planning_order(state), [&](const std::string& content) {
    const auto event =
        cluster::plan_for(model_view(state, content), {.term = state.at.term, .epoch_max = state.epoch_last});
    return event && std::holds_alternative<wire::PlanMade>(*event);
  });
}

bool World::all_have_leaders() const {
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    const SimNode& node = *nodes_[i];
    if (!node.alive || now_ < node.stalled_until || node.started > *leader_missed_) continue;
    bool whole = true;  // what it needs to find a leader
    for (uint32_t j = 0; j < nodes_.size(); ++j) {
      whole = whole && (!network_.same_side(i, j) || (network_.open(i, j) && network_.open(j, i)));
    }
    if (!whole) continue;
    if (node.agent->role() == Role::electing) return false;
    const SimNode& leader = *nodes_[number_of(node.agent->term().leader)];
    if (!leader.alive || leader.agent->role() != Role::leading || leader.agent->term() != node.agent->term()) {
      return false;
    }
  }
  return true;
}

bool World::all_obey(uint32_t leader) const {
  return std::ranges::all_of(nodes_, [&](const auto& node) {
    return !node->alive || now_ < node->stalled_until ||
           (node->agent->role() != Role::electing && node->agent->term() == nodes_[leader]->agent->term());
  });
}

void World::watch_leaders() {
  const auto leader = leading_node();
  if ((!outcome_.first_leader_s || leader_crashed_) && leader && all_obey(*leader)) {
    if (!outcome_.first_leader_s) outcome_.first_leader_s = in_seconds(now_);
    if (leader_crashed_ && nodes_[*leader]->agent->term() > term_crashed_) {
      outcome_.elections_s.push_back(in_seconds(now_ - *leader_crashed_));
      leader_crashed_.reset();
      const double limit = scenario_.election_max_s;
      if (limit > 0 && outcome_.elections_s.back() > limit) {
        checks_.fail(std::format("a new leader was obeyed by all only after {:.2f} s", outcome_.elections_s.back()));
      }
    }
  }
  if (!leader_missed_ || !all_have_leaders()) return;
  outcome_.leaders_s.push_back(in_seconds(now_ - *leader_missed_));
  if (outcome_.leaders_s.back() > 2.0) trace(std::format("leaders only after {:.2f} s", outcome_.leaders_s.back()));
  leader_missed_.reset();
}

bool World::served_by_living(uint32_t leader) const {
  const ReplicatedState& state = nodes_[leader]->agent->state();
  const auto living = [&](const PlannedStage& stage) { return nodes_[number_of(stage.device.node)]->alive; };
  return serving(state) && std::ranges::all_of(state.models, [&](const auto& each) {
           const ModelRecord& model = each.second;
           return !model.plan || (serving(model) && std::ranges::all_of(model.plan->made.plan.stages, living));
         });
}

void World::watch_service() {
  if (outcome_.first_service_s && !service_lost_) return;
  const auto leader = leading_node();
  if (!leader || !served_by_living(*leader)) return;
  if (!outcome_.first_service_s) outcome_.first_service_s = in_seconds(now_);
  if (!service_lost_) return;
  outcome_.services_s.push_back(in_seconds(now_ - *service_lost_));
  service_lost_.reset();
}

void World::watch() {
  constexpr size_t small = 64;  // with more nodes looking takes long
  after(std::chrono::milliseconds(10), [this] { watch(); });
  watch_leaders();
  watch_service();
  if (!healed_ || (nodes_.size() > small && ++watched_ % 20 != 0)) return;
  if (unsettled().empty() && !outcome_.settled_s) outcome_.settled_s = in_seconds(now_ - healed_at_);
}

}  // namespace exogpu::sim
