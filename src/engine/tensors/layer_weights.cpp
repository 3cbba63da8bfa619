#include "engine/tensors/layer_weights.h"

#include <string>

#include "engine/tensors/fused_matrices.h"
#include "engine/tensors/layer_parts.h"

namespace exogpu::engine {
namespace {

// `name` is that of the weight; a bias has the same with another ending.
Result<Norm> add_named_norm(WeightPlaces& places, const std::string& block, std::string_view name, uint32_t n) {
  if (name.ends_with(".weight")) return add_norm(places, block + std::string(name.substr(0, name.size() - 7)), n);
  Norm norm;
  EXO_TRY(norm.weight, places.add_vector(block + std::string(name), n));
  return norm;
}

Result<void> add_norms(WeightPlaces& places, const Architecture& a, const LayerSpec& l, const std::string& block,
                       LayerWeights& w) {
  if (a.pre_norm && l.mixer != Mixer::none) {
    EXO_TRY(w.mixer_norm, add_norm(places, block + "attn_norm", a.d_model));
  }
  if (a.pre_norm && !a.parallel && l.feed_forward != FeedForward::none) {
    EXO_TRY(w.feed_forward_norm, add_named_norm(places, block, a.feed_forward_norm, a.d_model));
  }
  if (a.residual_norm) {
    EXO_TRY(w.after_mixer, add_norm(places, block + "attn_output_norm", a.d_model));
    EXO_TRY(w.after_feed_forward, add_norm(places, block + "layer_output_norm", a.d_model));
  }
  if (a.post_norm) {
    EXO_TRY(w.mixer_post_norm, add_norm(places, block + "post_attention_norm", a.d_model));
    EXO_TRY(w.feed_forward_post_norm, add_norm(places, block + "post_ffw_norm", a.d_model));
  }
  return {};
}

Result<void> add_mixer(WeightPlaces& places, const Architecture& a, uint32_t index, const std::string& block,
                       LayerWeights& w) {
  const Mixer mixer = a.layers[index].mixer;
  if (mixer == Mixer::attention || mixer == Mixer::attention_and_mamba2) {
    EXO_TRY(w.attention, add_attention(places, a, index, block));
  }
  if (mixer == Mixer::mamba2 || mixer == Mixer::attention_and_mamba2) {
    EXO_TRY(w.mamba2, add_mamba2(places, a, block));
  }
  if (mixer == Mixer::latent_attention) {
    EXO_TRY(w.latent, add_latent(places, a, index, block));
  }
  if (mixer == Mixer::gated_delta) {
    EXO_TRY(w.delta, add_delta(places, a, block));
  }
  if (mixer == Mixer::short_conv) {
    EXO_TRY(w.short_conv, add_short_conv(places, a, block));
  }
  return {};
}

Result<void> add_stream_weights(WeightPlaces& places, const Architecture& a, const std::string& block,
                                StreamWeights& w) {
  const uint32_t n = a.streams.count;
  EXO_TRY(w.router_norm, add_norm(places, block + "altup_router_norm", a.d_model));
  EXO_TRY(w.router, add_matrix(places, block + "altup_router", a.d_model, n));
  EXO_TRY(w.predict, add_matrix(places, block + "altup_predict_coef", n, n * n));
  EXO_TRY(w.correct, add_matrix(places, block + "altup_correct_coef", n, n));
  EXO_TRY(w.correct_scale, places.add_vector(block + "altup_correct_scale.weight", a.d_model));
  EXO_TRY(w.laurel_down, add_matrix(places, block + "laurel_l", a.d_model, a.streams.laurel_rank));
  EXO_TRY(w.laurel_up, add_matrix(places, block + "laurel_r", a.streams.laurel_rank, a.d_model));
  EXO_TRY(w.laurel_norm, add_norm(places, block + "laurel_post_norm", a.d_model));
  return {};
}

Result<void> add_per_layer(WeightPlaces& places, const Architecture& a, const std::string& block, PerLayerWeights& w) {
  EXO_TRY(w.gate, add_matrix(places, block + "inp_gate", a.d_model, a.per_layer_width));
  EXO_TRY(w.out, add_matrix(places, block + "proj", a.per_layer_width, a.d_model));
  EXO_TRY(w.norm, add_norm(places, block + "post_norm", a.d_model));
  return {};
}

// What the first shard makes of a token beside its embedding.
Result<void> add_beginning(WeightPlaces& places, const Architecture& a, ModelWeights& w) {
  if (a.per_layer_width > 0) {
    const uint32_t width = a.per_layer_width * a.n_layers;
    EXO_TRY(w.per_layer_embedding, places.add({"per_layer_token_embd.weight", {width, a.n_vocab, 1}}, WeightUse::rows));
    EXO_TRY(w.per_layer_projection, add_matrix(places, "per_layer_model_proj", a.d_model, width));
    EXO_TRY(w.per_layer_norm, add_norm(places, "per_layer_proj_norm", a.per_layer_width));
  }
  if (a.embedding_norm) {
    EXO_TRY(w.embedding_norm, add_norm(places, "token_embd_norm", a.d_model));
  }
  if (const model::TensorInfo* types = places.file().find_tensor("token_types.weight"); types != nullptr) {
    EXO_TRY(w.token_types,
            places.add({types->name, {a.d_model, static_cast<int64_t>(types->dims[1]), 1}}, WeightUse::small));
  }
  if (a.embeds_positions) {
    EXO_TRY(w.positions, places.add({"position_embd.weight", {a.d_model, a.context_trained, 1}}, WeightUse::rows));
  }
  if (a.streams.count > 1) {
    EXO_TRY(w.streams_in,
            places.add({"altup_proj.weight", {a.d_model, a.d_model, a.streams.count - 1}}, WeightUse::batch));
  }
  return {};
}

Result<void> add_head(WeightPlaces& places, const Architecture& a, bool tied, ModelWeights& w) {
  if (!a.output_norm.empty()) {
    EXO_TRY(w.output_norm, add_named_norm(places, "", a.output_norm, a.d_model));
  }
  uint32_t width = a.d_model;
  for (size_t i = 0; i < a.dense_widths.size(); ++i) {
    if (a.dense_widths[i] == 0) continue;
    EXO_TRY(w.pooled_dense[i], add_matrix(places, "dense_" + std::to_string(i + 2), width, a.dense_widths[i]));
    width = a.dense_widths[i];
  }
  if (!a.has_head) return {};
  const RequiredTensor head = {tied ? "token_embd.weight" : "output.weight", {a.d_model, a.head_rows, 1}};
  EXO_TRY(w.output.weight, places.add(head, WeightUse::matrix));
  EXO_TRY(w.output.bias, places.add_vector_if("output.bias", a.head_rows));
  if (a.streams.count > 1) {
    EXO_TRY(w.streams_out,
            places.add({"altup_unembd_proj.weight", {a.d_model, a.d_model, a.streams.count - 1}}, WeightUse::batch));
  }
  return {};
}

}  // namespace

Result<LayerWeights> add_layer(WeightPlaces& places, const Architecture& a, uint32_t index) {
  const std::string block = "blk." + std::to_string(index) + ".";
  const LayerSpec& l = a.layers[index];
  LayerWeights w;
  EXO_CHECK(add_norms(places, a, l, block, w));
  EXO_CHECK(add_mixer(places, a, index, block, w));
  if (l.feed_forward == FeedForward::dense || l.feed_forward == FeedForward::dense_and_experts) {
    EXO_TRY(w.dense, add_dense(places, a.d_model, l.d_ff, block, "", a.activation));
  }
  if (l.has_experts()) {
    EXO_TRY(w.experts, add_experts(places, a, l, block));
  }
  if (a.streams.count > 1) EXO_CHECK(add_stream_weights(places, a, block, w.streams));
  if (a.per_layer_width > 0) EXO_CHECK(add_per_layer(places, a, block, w.per_layer));
  EXO_TRY(w.output_scale, places.add_vector_if(block + "layer_output_scale.weight", 1));
  return w;
}

Result<void> add_ends(WeightPlaces& places, const Architecture& a, wire::LayerRange layers, ModelWeights& weights) {
  RequiredTensor embedding = {"token_embd.weight", {a.d_model, a.n_vocab, 1}};
  bool is_first = layers.begin == 0;
  bool is_last = layers.end == a.n_layers;
  bool tied = !places.has("output.weight");
  bool looks_up = false;
  if (is_first) EXO_CHECK(add_beginning(places, a, weights));
  if (is_first && !places.is_sliced()) {
    EXO_TRY(const model::TensorInfo* info, places.find(embedding));
    looks_up = places.home().supports(WeightUse::rows, static_cast<ggml_type>(info->type), embedding.shape);
  }
  if (is_last) EXO_CHECK(add_head(places, a, tied, weights));
  if (!looks_up) return {};
  // A packed matrix cannot be looked up in; whether a converted one can is not known.
  if (is_last && tied && a.has_head && !places.is_packed(weights.output.weight) &&
      !places.is_converted(weights.output.weight)) {
    weights.embedding = weights.output.weight;
  } else if (!places.is_budgeted()) {  // else the host looks it up, in the file
    EXO_TRY(weights.embedding, places.add(embedding, WeightUse::rows));
  }
  return {};
}

Result<void> add_rope_factors(WeightPlaces& places, const Architecture& a, uint32_t context, ModelWeights& weights) {
  const char* by_length = context > a.rope.context_trained ? "rope_factors_long.weight" : "rope_factors_short.weight";
  for (const char* name : {"rope_freqs.weight", by_length}) {
    if (!places.has(name)) continue;
    // Some files have factors for pairs that do not rotate, too.
    const uint64_t n = places.file().find_tensor(name)->dims[0];
    const uint32_t most = a.layers.front().head_dim_k / 2;
    const uint32_t size = n > a.rope.dims / 2 && n <= most ? static_cast<uint32_t>(n) : a.rope.dims / 2;
    EXO_TRY(weights.rope_factors, places.add_vector(name, size));
    return {};
  }
  return {};
}

}  // namespace exogpu::engine
