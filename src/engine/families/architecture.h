// The description of a model: its sizes and the named variations of its transformer block.
//
// Every supported family is this description with other values; see families/.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "model/gguf.h"

namespace exogpu::engine {

// Rotary position embedding. Scaling as in YaRN (arXiv:2309.00071); linear scaling is `frequency_scale` alone.
struct Rope {
  enum class Pairs { adjacent, halves };  // which elements rotate together: (0,1),(2,3).. or (0,d/2),(1,d/2+1)..
  Pairs pairs = Pairs::adjacent;
  uint32_t dims = 0;  // rotated elements of each head; the rest pass unchanged
  float base = 10000.0F;
  float frequency_scale = 1.0F;
  float extrapolation = 0.0F;  // YaRN's ramp between interpolated and original frequencies; 0 turns it off
  float attention_factor = 1.0F;
  float beta_fast = 32.0F;
  float beta_slow = 1.0F;
  uint32_t context_trained = 0;  // before scaling
};

struct Experts {
  uint32_t count = 0;  // 0: a dense model
  uint32_t used = 0;   // per token
  uint32_t d_ff = 0;
  float weight_scale = 1.0F;
};

// Layers that attend only to the last `window` tokens. Of every `period` layers the last is global; period 0: none
// slides.
struct SlidingWindow {
  uint32_t window = 0;
  uint32_t period = 0;

  bool applies_to(uint32_t layer) const { return period > 0 && layer % period < period - 1; }
};

enum class QkNorm { none, per_head, whole };
enum class Activation { silu, gelu };

struct Architecture {
  std::string name;  // its name in the file: "qwen3"
  uint32_t n_layers = 0;
  uint32_t d_model = 0;
  uint32_t d_ff = 0;
  uint32_t n_heads = 0;
  uint32_t n_kv_heads = 0;
  uint32_t head_dim_k = 0;
  uint32_t head_dim_v = 0;
  uint32_t n_vocab = 0;
  uint32_t context_trained = 0;

  float norm_eps = 1e-5F;
  bool pre_norm = true;    // RMS norm before attention and before the feed-forward
  bool post_norm = false;  // RMS norm after them, before the residual addition
  QkNorm qk_norm = QkNorm::none;
  Activation activation = Activation::silu;
  Rope rope;
  Rope rope_sliding;  // of layers with a sliding window
  SlidingWindow sliding;
  Experts experts;

  float embedding_scale = 1.0F;
  float residual_scale = 1.0F;
  float attention_scale = 0.0F;    // on q·k
  float attention_softcap = 0.0F;  // c·tanh(x/c) on attention scores; 0: none
  float logit_scale = 1.0F;
  float logit_softcap = 0.0F;

  uint32_t q_width() const { return n_heads * head_dim_k; }
  uint32_t k_width() const { return n_kv_heads * head_dim_k; }
  uint32_t v_width() const { return n_kv_heads * head_dim_v; }
  const Rope& rope_of(uint32_t layer) const { return sliding.applies_to(layer) ? rope_sliding : rope; }
};

// The default context of a model: 4,096 tokens, or the context that it was trained for if that is less.
uint32_t default_context(const Architecture& a);

// A warning about a context beyond the one that the model was trained for; empty within it.
std::string context_warning(const Architecture& a, uint32_t context);

// Reads and checks the description from the file's metadata.
// Errors: unsupported (a family not in families/, named with the known ones), corrupt (missing or contradictory
// values).
Result<Architecture> read_architecture(const model::Gguf& file);

}  // namespace exogpu::engine
