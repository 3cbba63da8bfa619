// What the ring of one plan leaves to that of the next: tokens that need not be computed again.
#pragma once

#include <optional>
#include <vector>

#include "wire/cluster.h"
#include "wire/ring.h"

namespace exogpu::pipeline {

// Tokens that are in the caches of all stages of a ring.
struct ResidentTokens {
  wire::PlanEpoch epoch;                              // of the ring
  std::vector<std::vector<wire::TokenId>> sequences;  // their tokens, from the beginning
  std::vector<wire::Region> regions{};                // of each sequence, where they share a pool
  std::vector<wire::ClientId> clients{};              // whose tokens they are
};

// What a ring begins with.
struct ResumedTokens {
  ResidentTokens resident;
  wire::StageRange fresh_stages;  // have none of them
};

// The stages of `next` that retained nothing of the ring of `before`. Nothing where that is all of them: only
// stages at the beginning and at the end of a plan that are the same, on the same devices, resume their caches.
std::optional<wire::StageRange> fresh_stages(const wire::StagePlan& before, const wire::StagePlan& next);

}  // namespace exogpu::pipeline
