// The sampling settings of a request, under the names that the surfaces share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/json/json_body.h"
#include "node/service.h"

namespace exogpu::api {

// temperature, top_p, min_p, typical_p, top_k, presence_penalty, frequency_penalty, repeat_penalty (and
// repetition_penalty), repeat_last_n, logit_bias, seed. Absent fields leave `sampling` as it is; `seed` is used if the
// request has none.
Parsed<void> read_sampling(const Fields& fields, engine::SamplerSettings& sampling, uint64_t seed);

// The strings that end an answer: a string, or an array of strings. Empty if absent.
Parsed<std::vector<std::string>> read_stops(const Fields& fields, const char* field);

}  // namespace exogpu::api
