// Which device has which layers of a model.
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
  Bytes cache = 0;  // the full KV cache of all sequences
  Bytes compute = 0;
  Bytes total() const { return weights + cache + compute; }
  friend bool operator==(const StageMemory&, const StageMemory&) = default;
};

// One device with a layer range. The first stage also computes the embedding; the last has the head and samples.
struct Stage {
  DeviceRef device;
  LayerRange layers;
  StageMemory memory;            // that the stage needs
  uint32_t layers_streamed = 0;  // read from the file again for each step, since memory.weights has no room for them
  Bytes bytes_streamed = 0;      // of them
  double decode_s = 0;           // predicted, for one token of one sequence
  double hop_s =
      0;  // predicted, to the next stage (from the last one to the first) for one token; 0 for a single stage
  friend bool operator==(const Stage&, const Stage&) = default;
};

struct PredictedSpeed {
  double first_token_s = 0;          // from a prompt to the first token of the answer
  double tokens_per_s_alone = 0;     // of one sequence while no other is computed
  double tokens_per_s_parallel = 0;  // of all sequences together
  // That computing adds to what the devices draw, of one sequence alone; 0: the power of one of them is not known.
  double joules_per_token = 0;
  friend bool operator==(const PredictedSpeed&, const PredictedSpeed&) = default;
};

// The stages in the order in which a token passes them. Each layer of the model is in exactly one stage.
struct Plan {
  PlanEpoch epoch;
  std::string model;
  std::vector<Stage> stages;
  PredictedSpeed predicted;
  Dtype activations = Dtype::f32;  // between stages
  friend bool operator==(const Plan&, const Plan&) = default;
};

}  // namespace exogpu::wire
