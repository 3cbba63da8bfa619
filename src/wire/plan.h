// Which device holds which layers of a model.
#pragma once

#include <string>
#include <vector>

#include "base/units.h"
#include "wire/device_profile.h"
#include "wire/dtype.h"
#include "wire/ids.h"
#include "wire/layer_range.h"

namespace exogpu::wire {

struct StageMemory {
  Bytes weights = 0;
  Bytes cache = 0;  // the KV cache of all sequences, full
  Bytes compute = 0;
  Bytes total() const { return weights + cache + compute; }
  friend bool operator==(const StageMemory&, const StageMemory&) = default;
};

// One device with a contiguous run of layers. The first stage also embeds, the last has the head and samples.
struct Stage {
  DeviceRef device;
  LayerRange layers;
  StageMemory memory;   // what it needs
  double decode_s = 0;  // predicted, for one token of one sequence
  double hop_s = 0;     // predicted, from here to the next stage for one token, from the last to the first; 0 if alone
  friend bool operator==(const Stage&, const Stage&) = default;
};

struct PredictedSpeed {
  double first_token_s = 0;          // from a prompt to the first token of the answer
  double tokens_per_s_alone = 0;     // of one sequence that has the cluster for itself
  double tokens_per_s_parallel = 0;  // of all sequences together
  friend bool operator==(const PredictedSpeed&, const PredictedSpeed&) = default;
};

// The stages in the order a token passes them; together they have every layer of the model once.
struct Plan {
  PlanEpoch epoch;
  std::string model;
  std::vector<Stage> stages;
  PredictedSpeed predicted;
  Dtype activations = Dtype::f32;  // between stages
  friend bool operator==(const Plan&, const Plan&) = default;
};

}  // namespace exogpu::wire
