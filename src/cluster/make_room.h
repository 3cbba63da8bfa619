// Which models make room for another one. Pure functions of the state.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

// A model that makes room: it is removed, or keeps its stages with no more context than its settings say.
struct Yielding {
  std::string content;
  bool removed = true;
  friend bool operator==(const Yielding&, const Yielding&) = default;
};

// The models that must make room so that the model with this content id, which has no plan, can have one: as few of the
// first ones of `ready` as do, without those of them that are not in the way, so none that is removed is there twice.
// Empty if it needs none of them, or cannot be planned even if all do. Precondition: the state has the model.
std::vector<Yielding> models_in_the_way(const wire::ReplicatedState& state, const std::string& content,
                                        std::span<const Yielding> ready);

// Whether the model's plan has room for longer conversations than its settings say.
bool has_longer_context(const wire::ModelRecord& model);

// The plan of such a model with the context and the pool of its settings, on the same devices.
wire::PlanMade with_usual_context(const wire::ModelRecord& model);

// The state as it is when all models but the pinned ones have made room and this one has no plan. Devices that failed
// to load layers of it stay without room for it.
wire::ReplicatedState beside_pinned(const wire::ReplicatedState& state, const wire::ServedModel& model);

// Why the nodes that are online cannot hold the model even if all models but the pinned ones make room: what is
// missing, in the planner's words. Devices that failed to load layers of it count as without room, for as long as the
// state has the model. Empty if they can.
std::string too_large_reason(const wire::ReplicatedState& state, const wire::ServedModel& model);

}  // namespace exogpu::cluster
