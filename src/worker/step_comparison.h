// Compares the steps that a node's stages computed with what the planner predicts.
#pragma once

#include <string>
#include <vector>

#include "cluster/serving_speeds.h"
#include "pipeline/pacer.h"
#include "pipeline/trip_times.h"
#include "wire/cluster_log.h"

namespace exogpu::worker {

// `records`: of this device. Those of models that the state no longer has are ignored.
void compare_steps(cluster::ServingSpeeds& speeds, const wire::ReplicatedState& state, const wire::DeviceRef& device,
                   const std::vector<pipeline::StepRecord>& records, cluster::Time now);

// `trips`: of a ring that begins here. Nothing is learnt of links while a device of the ring is paced, since it rests
// between steps.
void compare_trips(cluster::LinkSpeeds& speeds, const wire::ReplicatedState& state, const wire::StagePlan& plan,
                   const std::vector<pipeline::TripRecord>& trips, cluster::Time now);

}  // namespace exogpu::worker
