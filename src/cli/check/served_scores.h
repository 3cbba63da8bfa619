// What a cluster's plan makes of a text: log probabilities by way of its API.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/ask.h"
#include "base/result.h"
#include "wire/sampling.h"

namespace exogpu::cli {

// For each token but the first, what the plan expected in its place.
struct ScoredToken {
  float logprob = 0;                      // of the token itself
  std::vector<wire::TokenLogprob> known;  // the likeliest, likeliest first, and the token itself
};

// Scores the tokens as a prompt (`echo` with `logprobs`), whatever a cache holds of it. Loads the model if need be.
// Errors: those of the API; failed_precondition, when the model of this name is another one there.
Result<std::vector<ScoredToken>> score_by_plan(const api::ApiAddress& at, const std::string& model,
                                               std::span<const wire::TokenId> tokens, uint32_t vocabulary);

// The reply to such a request. Errors: failed_precondition, as above; corrupt, when it is no such reply.
Result<std::vector<ScoredToken>> read_scores(std::string_view body, std::span<const wire::TokenId> tokens,
                                             uint32_t vocabulary);

// The plan's stages, for people: "desk/cuda0 0-19, laptop/cpu 20-27". Errors: those of the API; not_found, when the
// cluster has no plan of this model.
Result<std::string> plan_of(const api::ApiAddress& at, const std::string& model);

}  // namespace exogpu::cli
