// The sampling settings of a request, under the names that the surfaces share.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "api/json/json_body.h"
#include "node/service.h"

namespace exogpu::api {

// temperature, top_p, min_p, typical_p, top_k, presence_penalty, frequency_penalty, repeat_penalty (and
// repetition_penalty), repeat_last_n, logit_bias, seed. Absent fields leave the request's settings as they are; `seed`
// is used if it has none.
Parsed<void> read_sampling(const Fields& fields, node::GenerationRequest& request, uint64_t seed);

// Settings of the sampler by the names of their fields: what an operator has set for a model.
using SamplingDefaults = std::map<std::string, double>;
// Errors: invalid_argument, naming what is no such field, or has no such value.
Result<void> check_defaults(const SamplingDefaults& defaults);
// Sets what the client has not. Precondition: check_defaults().
void apply_defaults(const SamplingDefaults& defaults, node::GenerationRequest& request);

// The strings that end an answer: a string, or an array of strings. Empty if absent.
Parsed<std::vector<std::string>> read_stops(const Fields& fields, const char* field);

}  // namespace exogpu::api
