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
  std::string_view pre_tokenizer = "gpt-2";
  bool add_bos = false;
};

}  // namespace exogpu::tiny
