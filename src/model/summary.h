// Facts about a model file: shape, weights, bytes per layer, KV cache.
//
// Works on any GGUF file: unknown facts are empty, never an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "model/gguf.h"

namespace exogpu::model {

struct TypeShare {
  TensorType type = TensorType::f32;
  uint64_t tensors = 0;
  uint64_t elements = 0;
  Bytes bytes = 0;
};

struct LayerSummary {
  Bytes weight_bytes = 0;
  // Values of one token in this layer's KV cache; zero if the layer has none.
  uint64_t k_elements = 0, v_elements = 0;
};

struct ModelSummary {
  std::string name, architecture;  // empty if the file does not say; likewise below
  std::string file_type;           // the file's name for its mixture of types: "Q4_K_M"
  std::string license, author, url;

  std::optional<uint64_t> context_length;  // tokens
  std::optional<uint64_t> width;           // values per token
  std::vector<uint64_t> feed_forward;      // per layer; empty if unknown; likewise below
  std::vector<uint64_t> heads, kv_heads;
  std::optional<uint64_t> key_length, value_length;  // values per head
  std::optional<uint64_t> experts, experts_used, expert_feed_forward;
  std::optional<uint64_t> sliding_window;  // tokens
  std::optional<double> rope_base;
  std::string rope_scaling;  // "yarn, factor 4 from 8192 tokens"

  std::optional<uint64_t> vocabulary;  // tokens
  std::string tokenizer, pre_tokenizer;
  bool chat_template = false;

  uint64_t parameters = 0;                    // elements of all tensors
  std::optional<uint64_t> active_parameters;  // for a mixture of experts: used by one token
  Bytes weight_bytes = 0;                     // of all tensors, without padding
  std::vector<TypeShare> types;               // most bytes first

  std::vector<LayerSummary> layers;
  Bytes embedding_bytes = 0;
  Bytes head_bytes = 0;    // the output matrix and the norm before it
  bool tied_head = false;  // the output matrix is the embedding
  Bytes other_bytes = 0;   // all other tensors
  bool kv_known = false;   // whether the KV cache's size can be computed from the file

  double bits_per_weight() const;  // 0 for a file without tensors
};

ModelSummary summarize(const Gguf& file);

// Bytes of one token in the KV cache of these layers. `type` is f32, f16, bf16, q8_0 or another known block format; a
// layer's row is rounded up to whole blocks.
Bytes kv_bytes_per_token(const std::vector<LayerSummary>& layers, TensorType type);

// The layer of "blk.12.attn_q.weight"; empty for any other name.
std::optional<uint32_t> layer_of_tensor(std::string_view name);

}  // namespace exogpu::model
