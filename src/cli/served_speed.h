// Measures a model as the cluster serves it, beside what its plan predicts.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "cli/api_options.h"

namespace exogpu::cli {

struct ClusterBench {
  ApiOptions api;
  std::string model;         // its name in the cluster
  uint32_t prompt = 512;     // tokens, about: a text has so many words
  uint32_t generate = 128;   // tokens
  uint32_t repetitions = 5;  // after one that is not counted
  bool json = false;
};

// One request at a time, through the API: the time to the first token and the rate of those after it. Prints both
// beside what is predicted of the plan that serves it, for such a text, before they are measured. Errors: not_found
// (the cluster does not serve it), failed_precondition (the plan changed meanwhile), and those of the API.
Result<void> bench_in_cluster(const ClusterBench& options);

}  // namespace exogpu::cli
