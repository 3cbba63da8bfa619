// The properties of a model that the planner needs: sizes and work per layer, without the weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"

namespace exogpu::wire {

struct LayerShape {
  Bytes weight_bytes = 0;           // resident on a device
  Bytes active_weight_bytes = 0;    // read for one token; less than all in a mixture of experts
  Bytes kv_bytes_per_token = 0;     // of the KV cache, in its number type
  Bytes state_bytes = 0;            // of one sequence whatever its length: the states of a recurrent layer
  bool joined_to_previous = false;  // it or a later layer attends to the KV cache of one before it: no cut between
  double flops_per_token = 0;       // of its matrix products, a multiply and an add being two
  double attention_flops = 0;       // for each token, and each one before it to which it attends
  uint32_t window = 0;              // it attends to so many tokens at most; 0: to all before it
  friend bool operator==(const LayerShape&, const LayerShape&) = default;
};

// Weights of one type in one use: what a device must compute with, see TypeLimit.
struct WeightKind {
  std::string type;  // "q4_K"
  std::string use;   // "matrix"
  Bytes bytes = 0;   // of all layers and the head, as the file has them
  friend bool operator==(const WeightKind&, const WeightKind&) = default;
};

// Memory sizes are the most that a device needs. Where devices differ (packed layouts, padding), the largest.
struct ModelShape {
  std::string name;
  double bits_per_weight = 0;        // of its layers, on the average; decides which of a device's measured rates count
  double experts_used_share = 1;     // of the experts, by one token; 1 for a dense model
  uint32_t activation_width = 0;     // values that one layer passes to the next for each token
  uint32_t vocabulary = 0;           // tokens
  uint32_t context_granularity = 1;  // the KV cache of a sequence has room for a multiple of so many tokens
  std::vector<LayerShape> layers;
  Bytes embedding_bytes = 0;  // on the device with the first layer
  Bytes head_bytes = 0;       // on the device with the last layer, read whole for every token
  double head_flops_per_token = 0;
  Bytes ends_shared_bytes = 0;        // saved by a device that has both ends, when the head is the embedding
  Bytes compute_bytes = 0;            // scratch memory of a stage
  Bytes head_compute_bytes = 0;       // scratch memory of the last stage beyond that
  Bytes compute_bytes_per_token = 0;  // scratch memory of a stage for each token of a context beyond the settings'
  std::vector<WeightKind>
      kinds{};  // of its matrices, in the order of their names; none: of a model whose file is not known
  friend bool operator==(const ModelShape&, const ModelShape&) = default;
};

}  // namespace exogpu::wire
