// The properties of a family of models: sizes, and the optional parts of its layers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace exogpu::tiny {

struct Experts {
  uint32_t count = 8;
  uint32_t used = 2;  // per token
  uint32_t feed_forward = 256;
  uint32_t shared = 0;         // width of the shared expert
  uint32_t leading_dense = 0;  // layers
  uint32_t groups = 1, groups_used = 1;
  bool biases = false;       // of the router and of every matrix
  bool choice_bias = false;  // on the choice of experts only
  bool shared_gate = false;
};

// DeepSeek's compressed keys and values.
struct Latent {
  uint32_t q_rank = 96, kv_rank = 64, nope = 32, rope = 32, value = 32;
};

// Gated delta nets; of every `interval` layers the last attends.
struct Delta {
  uint32_t key_heads = 2, value_heads = 4, head_dim = 32, taps = 4, interval = 2;
};

struct Mamba2 {
  uint32_t inner = 512, state = 32, heads = 8, groups = 2, taps = 4;
};

struct RopeScaling {
  std::string_view kind;  // "yarn", "linear"
  float factor = 1;
  uint32_t original_context = 0;  // tokens; 0: not written
};

struct SoftCap {
  float attention = 0;
  float logits = 0;
};

struct GraniteScales {
  float embedding = 12, residual = 0.22F, attention = 0.0156F, logit = 8;
};

struct Shape {
  std::string_view name;
  std::string_view architecture = "llama";
  uint32_t embedding = 256;  // values per token
  uint32_t layers = 2;
  uint32_t heads = 4, kv_heads = 2, head_dim = 64;
  uint32_t feed_forward = 512;
  float epsilon = 1e-5F;
  float rope_base = 10000;
  bool tied = false;  // the output matrix is the token embedding
  bool qkv_bias = false;
  bool qk_norm = false;       // per head
  bool wide_qk_norm = false;  // over all heads
  bool pre_norm = true, post_norm = false;
  bool packed = false;          // q, k and v in one matrix, gate and up in one
  bool llama3_rope = false;     // a factor for each rotated pair
  uint32_t sliding_window = 0;  // tokens; 0: none
  std::optional<RopeScaling> scaling = {};
  std::optional<Experts> experts = {};
  std::optional<SoftCap> soft_cap = {};
  std::optional<GraniteScales> granite = {};
  std::optional<Latent> latent = {};
  std::optional<Delta> delta = {};
  std::optional<Mamba2> mamba2 = {};
  uint32_t short_conv_taps = 0;
  // A letter for each layer where they differ: A attention, M Mamba-2, C short convolution, F feed-forward alone.
  std::string_view plan = "";
  uint32_t shared_kv_layers = 0;  // the last so many attend to the keys and values of earlier ones
  uint32_t per_layer_width = 0;   // of a vector for each token and layer
  uint32_t streams = 1;           // residual streams
  bool layer_norm = false, parallel = false, sinks = false, relu_squared = false;
  bool encoder = false;      // every token sees all others; norms after the residual additions
  uint32_t pooling = 0;      // of embedding models: 1 mean, 2 first token, 3 last
  bool whole_layers = true;  // each layer has a mixer and a feed-forward
  std::string_view feed_forward_norm = "ffn_norm.weight";
  std::string_view pre_tokenizer = "gpt-2";
  bool add_bos = false;
};

}  // namespace exogpu::tiny
