// How many tokens of a prompt a plan of one device computes at once.
//
// A step costs as much as some tokens more than it has: on a GPU a hundred and more, which few tokens do not fill. An
// H200 reads a prompt a sixth faster in steps of 2,048 tokens than of 512; a processor gains nothing. Several devices
// take smaller steps (pipeline::Scheduler), since a stage waits for the first of them.
#pragma once

#include "base/units.h"
#include "wire/serving_settings.h"

namespace exogpu::cluster {

struct StepCost {
  double tokens = 0;   // the fixed cost of a step, in units of the time for one token of a prompt
  double token_s = 0;  // that time
};

// As many as the settings say or, where nobody fixed that, twice or four times as many (2,048 at most) until the fixed
// cost is 3 % of a step; not so many that a step takes more than half a second, since nothing else is computed
// meanwhile, nor beyond a context. `compute`: the scratch memory for as many as the settings say, which grows with
// them; `room`: what is left of the device beside all that.
uint32_t prompt_batch(const wire::ServingSettings& settings, StepCost cost, Bytes compute, Bytes room);

}  // namespace exogpu::cluster
