// One model of the cluster as the planner and a worker see it: as if it were the only one.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

struct ModelView {
  wire::NodeRecords nodes;                 // the free memory of devices is without what other models' plans need
  std::optional<wire::ServedModel> model;  // absent: it is not to be served
  std::optional<wire::PlanRecord> plan;
  std::string no_plan_reason;  // empty when there is a plan
  wire::UnfitDevices unfit;
  wire::PlanEpoch epoch_last;  // the highest of any plan of any model
  std::set<wire::NodePair> links_avoided;
  // Of nodes that are short of memory: so much of the devices' free memory plans are not to use, if others have room.
  std::map<wire::DeviceRef, Bytes> memory_spared{};
  bool alone = true;  // no other model has a plan
};

// With all nodes. A model that the state does not have has a view without model and plan.
ModelView model_view(const wire::ReplicatedState& state, const std::string& content);

// Why a model that is not in the state has no plan.
inline constexpr std::string_view kNotServed = "the model is not to be served";

}  // namespace exogpu::cluster
