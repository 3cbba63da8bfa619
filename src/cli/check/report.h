// The output of `exogpu check`, as text and as JSON.
#pragma once

#include <string>
#include <vector>

#include "engine/divergence.h"
#include "engine/tensors/converted_weights.h"

namespace exogpu::cli {

struct CheckReport {
  std::string model;
  std::string plan;       // "cpu 0-5, vulkan0 6-11"
  std::string reference;  // the device that computes all by itself
  uint32_t tokens = 0;    // of the text
  engine::Agreement agreement;
  // Of all positions: the mean of the negative log probability of the token that follows.
  double loss_of_plan = 0;
  double loss_of_reference = 0;
  bool at_least = false;  // the divergence is a lower bound: of the plan only the likeliest tokens are known
  std::vector<engine::ConvertedWeights> converted;  // by the plan's devices, where they are of this machine
};

std::string as_text(const CheckReport& report);
// One object. Released keys do not change; new ones may be added.
std::string as_json(const CheckReport& report);

}  // namespace exogpu::cli
