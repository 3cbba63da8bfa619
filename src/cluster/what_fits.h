// What a user can do about a model that cannot fit. Pure functions of the state.
#pragma once

#include <string>

#include "wire/cluster_log.h"

namespace exogpu::cluster {

// For people, to follow too_large_reason(): "It would fit with a context of 2,048 tokens for one sequence
// (--context 2048 --parallel 1); or another quantisation: name-Q4_K_M; or without the pinned model other." Empty: none
// of these would do.
std::string what_would_fit(const wire::ReplicatedState& state, const wire::ServedModel& model);

}  // namespace exogpu::cluster
