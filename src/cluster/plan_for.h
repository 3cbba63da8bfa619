// What a leader does about the plan: makes one, replaces it, ends it, or leaves it be. A pure function of the state.
#pragma once

#include <optional>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

struct PlanContext {
  wire::Term term;            // of the leader that asks
  bool idle = true;           // nobody is being answered
  wire::PlanEpoch epoch_max;  // the highest that any node has been told of
  // The last plan there was, which nodes may still have their parts of, where the state has none any more.
  std::optional<wire::PlanMade> previous = {};
};

// A plan is replaced at once when it cannot go on (a node or a device of it is gone, is to be drained, or failed; the
// model is another one), and when nodes had a later one that this state has lost. A plan that serves and could be a
// tenth faster is replaced when nobody is being answered. An avoided device (`avoidance()`: its battery
// is low, or it is critically hot) is planned around where the others can hold the model, at once; where not, it is
// used like any other.
//
// What is left of a plan stays where it is, and what is lost of it, if that is one run of layers, goes to one other
// device, unless the best plan would be half as fast again: nobody waits for parts that are loaded already, and the
// better plan comes when nobody is being answered. Epochs only go up, also over terms: a new one is greater than
// any of an earlier term, and two leaders of the same counter do not make the same.
std::optional<wire::Event> plan_for(const wire::ReplicatedState& state, const PlanContext& context);

// Why no plan can serve the model with those who are here now; empty: one can, and if there is none, the leader is
// about to make it. What waits for a plan while this says so for a while waits in vain.
std::string impossible_reason(const wire::ReplicatedState& state);

// Whether plan_for() may say another thing once the event, which is about to be applied, is.
bool affects_plans(const wire::ReplicatedState& state, const wire::Event& event);

// Why the plan in force should make way, though it can go on: a device of it is avoided, and the others can
// do without. Empty: it need not.
std::string avoidable_reason(const wire::ReplicatedState& state);

// Why the plan in force cannot go on; empty when it can.
std::string broken_reason(const wire::ReplicatedState& state);

}  // namespace exogpu::cluster
