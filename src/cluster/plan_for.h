// Decides whether the leader makes, replaces, ends or keeps the plan of a model. A pure function of the state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cluster/model_view.h"
#include "wire/cluster_log.h"

namespace exogpu::cluster {

struct PlanContext {
  wire::Term term;              // of the leader
  bool idle = true;             // no request for the model is in progress
  wire::PlanEpoch epoch_max{};  // the highest plan of any model that any node has received
  bool lost_epoch = false;      // the state lacks that plan, so that nodes may refuse those of the state
  // The last plan of the model, whose stages nodes may still have, where the state has none any more.
  std::optional<wire::PlanMade> previous = {};
};

// The leader replaces a plan at once when it is broken (a node or device of it is offline, draining or failed; the
// model is to be served otherwise), and when nodes have received a later plan that this state lacks. It replaces a
// serving plan that could be a tenth faster when no request is in progress. When the plan violates a soft constraint
// that another can meet (a device is critically hot, its node's battery is low or its machine short of memory,
// `MemoryCondition::bytes_max`), it makes that one at once.
//
// The new plan leaves resident stages on their devices and gives lost layers, if they are one run, to one other device,
// unless the best plan is half as fast again: no request then waits for layers to be loaded a second time. A better
// plan replaces it when no request is in progress. Elsewhere its devices get room for as long a conversation as their
// memory allows (placement/longer_context.h), and no less than the plan before gave them where there is such a plan.
//
// Epochs only grow, over terms, too: an epoch is greater than any of an earlier term, and two leaders with equal
// counters never make the same one. Precondition: the model is to be served.
std::optional<wire::Event> plan_for(const ModelView& state, const PlanContext& context);

// Of the next plan, where `last` is the highest epoch of the state.
wire::PlanEpoch next_epoch(wire::PlanEpoch last, const PlanContext& context);

// The models, by content id, in the order in which the leader plans them. Models that have a plan come first, so that a
// model takes only memory that these leave.
std::vector<std::string> planning_order(const wire::ReplicatedState& state);

// The reason why no plan can serve the model with the nodes that are online now; empty when one can, and the leader
// will soon make it. Requests that wait for a plan need not wait longer when this stays non-empty.
std::string impossible_reason(const ModelView& state);

// Whether plan_for() may return something else once the event is applied.
bool affects_plans(const wire::ReplicatedState& state, const wire::Event& event);

// The reason to replace a plan that is not broken: it violates a soft constraint that another plan meets. Empty when
// there is none.
std::string avoidable_reason(const ModelView& state);

// The reason why the current plan is broken; empty when it is not.
std::string broken_reason(const ModelView& state);

}  // namespace exogpu::cluster
