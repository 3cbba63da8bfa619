// The description of a model: its sizes, what each layer is made of, and the named variations of those parts.
//
// A layer is a mixer (which lets tokens see earlier ones) and a feed-forward; every supported family is this
// description with other values, see families/.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/gguf.h"

namespace exogpu::engine {

// Rotary position embedding. Scaling as in YaRN (arXiv:2309.00071); linear scaling is `frequency_scale` alone.
struct Rope {
  // Which elements rotate together: (0,1),(2,3).. or (0,d/2),(1,d/2+1)... `sections` and `interleaved_sections` are
  // halves whose pairs belong to the axes of a position (time, height, width, extra): in text the first three are equal
  // and the last is 0.
  enum class Pairs { adjacent, halves, sections, interleaved_sections };
  Pairs pairs = Pairs::adjacent;
  uint32_t dims = 0;  // rotated elements of each head; the rest pass unchanged
  float base = 10000.0F;
  float frequency_scale = 1.0F;
  float extrapolation = 0.0F;  // YaRN's ramp between interpolated and original frequencies; 0 turns it off
  float attention_factor = 1.0F;
  float beta_fast = 32.0F;
  float beta_slow = 1.0F;
  uint32_t context_trained = 0;            // before scaling
  bool factors = true;                     // the file's factors of each pair apply, if it has any
  std::array<int32_t, 4> axis_pairs = {};  // of `sections`: how many pairs each axis has

  bool has_axes() const { return pairs == Pairs::sections || pairs == Pairs::interleaved_sections; }
};

enum class Activation { silu, gelu, clamped_swiglu, relu_squared, plain_gelu };

// Whether the feed-forward has no gate beside what it activates.
constexpr bool ungated(Activation a) { return a == Activation::relu_squared || a == Activation::plain_gelu; }

// How a router's scores become the weights of the chosen experts.
enum class Gating { softmax, sigmoid, softmax_of_chosen };

struct Experts {
  uint32_t count = 0;  // 0: no layer has experts
  uint32_t used = 0;   // per token
  uint32_t d_ff = 0;
  float weight_scale = 1.0F;
  Gating gating = Gating::softmax;
  bool normalised = true;        // the chosen weights are scaled to sum 1
  uint32_t groups = 1;           // only experts of the best groups can be chosen
  uint32_t groups_used = 1;      //
  bool weights_input = false;    // the weight multiplies the expert's input, not its output
  bool rescaled_router = false;  // the router sees rms(x) / sqrt(d_model) * a vector of its own
  Activation activation = Activation::silu;
};

// Layers that attend only to the tokens near them.
struct SlidingWindow {
  // The last `window` tokens, those of the same aligned chunk of `window`, or those up to window / 2 away on both
  // sides.
  enum class Kind { last, chunk, both_sides };
  Kind kind = Kind::last;
  uint32_t window = 0;  // 0: no layer slides
};

// Multi-head latent attention (arXiv:2405.04434): keys and values are compressed to one vector for each token.
struct LatentAttention {
  uint32_t q_rank = 0;   // 0: queries are not compressed
  uint32_t kv_rank = 0;  // width of that vector
  uint32_t nope = 0;     // elements of a head that do not rotate
  uint32_t rope = 0;     // elements that do; all heads share those of the keys
  uint32_t v = 0;        // elements of a head's value
  bool absorbed = true;  // queries meet the compressed vector; else keys and values are decompressed and cached

  uint32_t head_dim() const { return nope + rope; }
};

// Gated delta rule (arXiv:2412.06464) with a short convolution before it.
struct GatedDelta {
  uint32_t k_heads = 0;
  uint32_t v_heads = 0;
  uint32_t head_dim = 0;
  uint32_t taps = 0;             // of the convolution
  bool neighbours_share = true;  // value heads h and h + 1 share a key head; else h and h + k_heads

  uint32_t k_width() const { return k_heads * head_dim; }
  uint32_t v_width() const { return v_heads * head_dim; }
  uint32_t conv_width() const { return 2 * k_width() + v_width(); }
};

// Mamba-2's state space layer (arXiv:2405.21060).
struct Mamba2 {
  uint32_t inner = 0;
  uint32_t state = 0;
  uint32_t heads = 0;
  uint32_t groups = 0;
  uint32_t taps = 0;

  uint32_t head_dim() const { return inner / heads; }
  uint32_t conv_width() const { return inner + 2 * groups * state; }
};

// Several residual streams of which each layer computes one and predicts the others (AltUp, arXiv:2301.13310), with a
// low-rank residual beside attention (LAuReL, arXiv:2411.07501).
struct Streams {
  uint32_t count = 1;  // 1: a plain residual
  uint32_t laurel_rank = 0;
};

enum class Mixer { none, attention, latent_attention, gated_delta, mamba2, short_conv, attention_and_mamba2 };
enum class FeedForward { none, dense, experts, dense_and_experts };

struct LayerSpec {
  Mixer mixer = Mixer::attention;
  FeedForward feed_forward = FeedForward::dense;
  uint32_t n_heads = 0;  // of attention
  uint32_t n_kv_heads = 0;
  uint32_t head_dim_k = 0;
  uint32_t head_dim_v = 0;
  uint32_t d_ff = 0;
  bool sliding = false;  // attends within the sliding window, and rotates as `rope_sliding` says
  bool rotates = true;
  bool scaled_by_position = false;  // queries grow with their position, see QueryTemperature
  bool sparse_gate = false;         // only gates far above their mean pass (Gemma 3n)
  uint32_t kv_layer = 0;            // the layer whose keys and values it attends to: its own index in most models

  uint32_t q_width() const { return n_heads * head_dim_k; }
  uint32_t k_width() const { return n_kv_heads * head_dim_k; }
  uint32_t v_width() const { return n_kv_heads * head_dim_v; }
  bool attends() const {
    return mixer == Mixer::attention || mixer == Mixer::latent_attention || mixer == Mixer::attention_and_mamba2;
  }
  bool recurrent() const {
    return mixer == Mixer::gated_delta || mixer == Mixer::mamba2 || mixer == Mixer::short_conv ||
           mixer == Mixer::attention_and_mamba2;
  }
  bool has_experts() const {
    return feed_forward == FeedForward::experts || feed_forward == FeedForward::dense_and_experts;
  }
};

// Queries are multiplied by 1 + scale * ln(1 + floor((position + offset) / length)).
struct QueryTemperature {
  float scale = 0.0F;  // 0: none
  float offset = 0.0F;
  uint32_t length = 0;
};

// How the vectors of a text's tokens become one, of models that give embeddings.
enum class Pooling { none, mean, first, last };

enum class QkNorm { none, per_head, whole };

struct Architecture {
  std::string name;  // its name in the file: "qwen3"
  uint32_t n_layers = 0;
  uint32_t d_model = 0;
  uint32_t n_vocab = 0;
  uint32_t head_rows = 0;  // of the head's matrix: n_vocab, or fewer in a member of a group (engine/cut/)
  uint32_t context_trained = 0;
  std::vector<LayerSpec> layers;

  float norm_eps = 1e-5F;
  bool layer_norm = false;     // LayerNorm, not RMS norm
  bool pre_norm = true;        // a norm before the mixer and before the feed-forward
  bool post_norm = false;      // a norm after them, before the residual addition
  bool residual_norm = false;  // a norm after each residual addition
  bool parallel = false;       // mixer and feed-forward see the same normed input and are added together
  // Where the file has another name than most for a norm.
  std::string_view feed_forward_norm = "ffn_norm.weight";
  std::string_view output_norm = "output_norm.weight";  // empty: none

  bool causal = true;                         // else each token sees the whole text, which must come in one batch
  Pooling pooling = Pooling::none;            // of the text's vectors, where the model gives embeddings
  bool has_head = true;                       // else the model gives embeddings only
  bool embedding_norm = false;                // a norm after the embedding
  bool embeds_positions = false;              // a learned vector for each position is added to the embedding
  std::array<uint32_t, 2> dense_widths = {};  // of matrices after the pooling; 0: none

  QkNorm qk_norm = QkNorm::none;
  bool qk_norm_rotated = false;  // after the rotation, not before
  bool qk_norm_weights = true;   // else a plain RMS norm, in rotating layers
  bool v_norm = false;           // a plain RMS norm of each head's values
  bool sinks = false;            // each head has one more score in its softmax, without a value
  bool gated_attention = false;  // for each head the query's matrix gives a gate too
  Activation activation = Activation::silu;
  Rope rope;
  Rope rope_sliding;  // of layers with a sliding window
  SlidingWindow sliding;
  QueryTemperature temperature;
  LatentAttention latent;
  GatedDelta delta;
  Mamba2 mamba2;
  uint32_t short_conv_taps = 0;
  Experts experts;
  Streams streams;
  uint32_t per_layer_width = 0;  // of the vector that each layer receives for each token; 0: none

  float embedding_scale = 1.0F;
  float residual_scale = 1.0F;
  float attention_scale = 0.0F;    // on q·k
  float attention_softcap = 0.0F;  // c·tanh(x/c) on attention scores; 0: none
  float logit_scale = 1.0F;
  float logit_softcap = 0.0F;

  const Rope& rope_of(uint32_t layer) const { return layers[layer].sliding ? rope_sliding : rope; }
  // Values of one token that a shard passes to the next: all residual streams, and the vectors of all layers.
  uint32_t activation_width() const { return d_model * streams.count + per_layer_width * n_layers; }
  // Whether the model can be cut before this layer: none from it on attends to the keys and values of one before it.
  bool can_cut(uint32_t layer) const;
  // Whether shards of a plan give embeddings. A model that was made for them is not asked for text.
  bool gives_embeddings() const { return pooling != Pooling::none || !has_head; }
  // Whether the text of an embedding must come in one batch.
  bool embeds_whole_texts() const { return !causal || pooling != Pooling::last; }
  // Values of an embedding.
  uint32_t embedding_width() const {
    if (dense_widths[1] > 0) return dense_widths[1];
    return dense_widths[0] > 0 ? dense_widths[0] : d_model;
  }
};

// The batch of a plan with this context: `requested`, or more where that is the default and texts must come whole.
uint32_t serving_batch(const Architecture& a, uint32_t context, uint32_t requested);

// The default context of a model: 4,096 tokens, or the context that it was trained for if that is less.
uint32_t default_context(const Architecture& a);

// A warning about a context beyond the one that the model was trained for; empty within it.
std::string context_warning(const Architecture& a, uint32_t context);

// Reads and checks the description from the file's metadata.
// Errors: unsupported (a family not in families/: names the known ones, and of which known parts the model seems to be
// made), corrupt (missing or contradictory values).
Result<Architecture> read_architecture(const model::Gguf& file);

}  // namespace exogpu::engine
