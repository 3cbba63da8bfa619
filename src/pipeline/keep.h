// What the ring of one plan leaves to that of the next: tokens that need not be computed again.
#pragma once

#include <optional>
#include <vector>

#include "wire/cluster.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

// What all stages of a ring hold.
struct HeldTokens {
  wire::PlanEpoch epoch;                              // of the ring
  std::vector<std::vector<wire::TokenId>> sequences;  // their tokens, from the beginning
};

// What a ring begins with.
struct KeptTokens {
  HeldTokens held;
  wire::StageRange anew;  // these stages hold nothing
};

// The stages of `next` that hold nothing of what the ring of `before` left, if there are others: those at its beginning
// and at its end that are the same, on the same devices, go on from what they hold.
std::optional<wire::StageRange> stages_anew(const wire::StagePlan& before, const wire::StagePlan& next);

}  // namespace exogpu::pipeline
