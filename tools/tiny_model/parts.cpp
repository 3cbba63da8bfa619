#include "tiny_model/parts.h"

#include <cmath>
#include <format>
#include <string>

#include "tiny_model/mixers.h"

namespace exogpu::tiny {
namespace {

using model::testing::GgufWriter;

char letter(const Shape& shape, uint32_t layer) {
  return shape.plan.empty() ? 'A' : shape.plan[layer % shape.plan.size()];
}

// The gate, or what it is multiplied with; rows of `columns`.
void add_dense(Tensors& tensors, const Shape& shape, const std::string& block, uint64_t width,
               const std::string& suffix = "") {
  if (!shape.packed && !shape.relu_squared && !shape.encoder)
    tensors.matrix(block + "ffn_gate" + suffix + ".weight", width, shape.embedding);
  tensors.matrix(block + "ffn_up" + suffix + ".weight", (shape.packed ? 2 : 1) * width, shape.embedding);
  tensors.matrix(block + "ffn_down" + suffix + ".weight", shape.embedding, width);
  if (!shape.encoder) return;
  tensors.vector(block + "ffn_up.bias", width, 0);
  tensors.vector(block + "ffn_down.bias", shape.embedding, 0);
}

void add_norm_with_bias(Tensors& tensors, const Shape& shape, const std::string& prefix) {
  tensors.vector(prefix + ".weight", shape.embedding);
  tensors.vector(prefix + ".bias", shape.embedding, 0);
}

void add_experts(Tensors& tensors, const Shape& shape, const std::string& block) {
  const Experts& e = *shape.experts;
  tensors.matrix(block + "ffn_gate_inp.weight", e.count, shape.embedding);
  tensors.expert_matrix(block + "ffn_gate_exps.weight", e.count, e.feed_forward, shape.embedding);
  tensors.expert_matrix(block + "ffn_up_exps.weight", e.count, e.feed_forward, shape.embedding);
  tensors.expert_matrix(block + "ffn_down_exps.weight", e.count, shape.embedding, e.feed_forward);
  if (e.biases) {
    tensors.vector(block + "ffn_gate_inp.bias", e.count, 0);
    tensors.values(block + "ffn_gate_exps.bias", {e.feed_forward, e.count}, 0.1F);
    tensors.values(block + "ffn_up_exps.bias", {e.feed_forward, e.count}, 0.1F);
    tensors.values(block + "ffn_down_exps.bias", {shape.embedding, e.count}, 0.1F);
  }
  if (e.choice_bias) tensors.vector(block + "exp_probs_b.bias", e.count, 0);
  if (e.shared > 0) add_dense(tensors, shape, block, e.shared, "_shexp");
  if (e.shared_gate) tensors.vector(block + "ffn_gate_inp_shexp.weight", shape.embedding, 0);
}

void add_norms(Tensors& tensors, const Shape& shape, const std::string& block) {
  if (shape.pre_norm) {
    tensors.vector(block + "attn_norm.weight", shape.embedding);
    if (!shape.parallel && shape.whole_layers)
      tensors.vector(block + std::string(shape.feed_forward_norm), shape.embedding);
  }
  if (shape.encoder) {
    add_norm_with_bias(tensors, shape, block + "attn_output_norm");
    add_norm_with_bias(tensors, shape, block + "layer_output_norm");
  }
  if (shape.post_norm) {
    tensors.vector(block + "post_attention_norm.weight", shape.embedding);
    tensors.vector(block + "post_ffw_norm.weight", shape.embedding);
  }
}

void add_mixer(Tensors& tensors, const Shape& shape, uint32_t layer, const std::string& block) {
  const bool attends = !shape.delta || (layer + 1) % shape.delta->interval == 0;
  switch (letter(shape, layer)) {
    case 'M': add_mamba2(tensors, shape, block); return;
    case 'C': add_short_convolution(tensors, shape, block); return;
    case 'F': return;
    default: break;
  }
  if (!attends) {
    add_delta(tensors, shape, block);
  } else if (shape.latent) {
    add_latent(tensors, shape, block);
  } else {
    add_attention(tensors, shape, layer, block);
  }
  if (shape.mamba2 && shape.plan.empty()) add_mamba2(tensors, shape, block);
}

// One of several residual streams is computed, the others are predicted.
void add_streams(Tensors& tensors, const Shape& shape, const std::string& block) {
  constexpr uint32_t rank = 16;
  const uint32_t n = shape.streams;
  tensors.vector(block + "altup_router_norm.weight", shape.embedding);
  tensors.values(block + "altup_router.weight", {shape.embedding, n},
                 1 / std::sqrt(static_cast<float>(shape.embedding)));
  tensors.values(block + "altup_predict_coef.weight", {n, uint64_t{n} * n}, 0.25F);
  tensors.values(block + "altup_correct_coef.weight", {n, n}, 0.25F);
  tensors.vector(block + "altup_correct_scale.weight", shape.embedding);
  tensors.matrix(block + "laurel_l.weight", rank, shape.embedding);
  tensors.values(block + "laurel_r.weight", {rank, shape.embedding}, 0.25F);
  tensors.vector(block + "laurel_post_norm.weight", shape.embedding);
}

void add_per_layer(Tensors& tensors, const Shape& shape, const std::string& block) {
  tensors.matrix(block + "inp_gate.weight", shape.per_layer_width, shape.embedding);
  tensors.matrix(block + "proj.weight", shape.embedding, shape.per_layer_width);
  tensors.vector(block + "post_norm.weight", shape.embedding);
}

}  // namespace

void add_feed_forward_length(GgufWriter& file, const Shape& shape) {
  const std::string key = std::format("{}.feed_forward_length", shape.architecture);
  std::vector<uint32_t> widths;
  for (uint32_t i = 0; i < shape.layers; ++i)
    widths.push_back(shape.whole_layers || letter(shape, i) == 'F' ? shape.feed_forward : 0);
  shape.plan.empty() ? file.meta(key, shape.feed_forward) : file.array(key, widths);
}

void add_kv_heads(GgufWriter& file, const Shape& shape) {
  const std::string key = std::format("{}.attention.head_count_kv", shape.architecture);
  std::vector<uint32_t> heads;
  for (uint32_t i = 0; i < shape.layers; ++i) heads.push_back(letter(shape, i) == 'A' ? shape.kv_heads : 0);
  shape.plan.empty() ? file.meta(key, shape.latent ? 1U : shape.kv_heads) : file.array(key, heads);
}

void add_part_hyperparameters(GgufWriter& file, const Shape& shape) {
  const auto add = [&](std::string_view key, auto value) {
    file.meta(std::format("{}.{}", shape.architecture, key), value);
  };
  if (shape.experts && shape.experts->leading_dense > 0) add("leading_dense_block_count", shape.experts->leading_dense);
  if (shape.experts && shape.experts->groups > 1) {
    add("expert_group_count", shape.experts->groups);
    add("expert_group_used_count", shape.experts->groups_used);
    add("expert_gating_func", 2U);
    add("expert_weights_norm", true);
  }
  if (shape.latent) {
    const Latent& l = *shape.latent;
    add("attention.q_lora_rank", l.q_rank);
    add("attention.kv_lora_rank", l.kv_rank);
    add("attention.key_length", l.kv_rank + l.rope);
    add("attention.value_length", l.kv_rank);
    add("attention.key_length_mla", l.nope + l.rope);
    add("attention.value_length_mla", l.value);
    add("rope.dimension_count", l.rope);
  }
  if (shape.delta) {
    const Delta& d = *shape.delta;
    add("ssm.conv_kernel", d.taps);
    add("ssm.state_size", d.head_dim);
    add("ssm.inner_size", d.value_heads * d.head_dim);
    add("ssm.time_step_rank", d.value_heads);
    add("ssm.group_count", d.key_heads);
    add("full_attention_interval", d.interval);
    const uint32_t pairs = shape.head_dim / 2;
    if (shape.architecture == "qwen35")
      file.array("qwen35.rope.dimension_sections",
                 std::vector<uint32_t>{pairs - 2 * (pairs / 3), pairs / 3, pairs / 3, 0});
  }
  if (shape.mamba2) {
    const Mamba2& m = *shape.mamba2;
    add("ssm.conv_kernel", m.taps);
    add("ssm.inner_size", m.inner);
    add("ssm.state_size", m.state);
    add("ssm.time_step_rank", m.heads);
    add("ssm.group_count", m.groups);
  }
  if (shape.pooling > 0) add("pooling_type", shape.pooling);
  if (shape.short_conv_taps > 0) add("shortconv.l_cache", shape.short_conv_taps);
  if (shape.per_layer_width > 0) add("embedding_length_per_layer_input", shape.per_layer_width);
  if (shape.shared_kv_layers > 0) add("attention.shared_kv_layers", shape.shared_kv_layers);
  if (shape.shared_kv_layers > 0) add("attention.sliding_window_pattern", 2U);
}

void add_part_ends(Tensors& tensors, const Shape& shape, uint32_t vocabulary) {
  if (shape.encoder) {
    constexpr uint32_t kinds = 2;
    add_norm_with_bias(tensors, shape, "token_embd_norm");
    tensors.values("token_types.weight", {shape.embedding, kinds}, 1);
    tensors.values("position_embd.weight", {shape.embedding, kEncoderContext}, 1);
  }
  if (shape.per_layer_width > 0) {
    const uint64_t width = uint64_t{shape.per_layer_width} * shape.layers;
    tensors.matrix("per_layer_token_embd.weight", vocabulary, width, 0.2F);
    tensors.matrix("per_layer_model_proj.weight", width, shape.embedding);
    tensors.vector("per_layer_proj_norm.weight", shape.per_layer_width);
  }
  if (shape.streams > 1) {
    const float scale = 1 / std::sqrt(static_cast<float>(shape.embedding));
    const std::vector<uint64_t> dims = {shape.embedding, shape.embedding, shape.streams - 1};
    tensors.values("altup_proj.weight", dims, scale);
    tensors.values("altup_unembd_proj.weight", dims, scale);
  }
}

void add_layer(Tensors& tensors, const Shape& shape, uint32_t layer) {
  const std::string block = std::format("blk.{}.", layer);
  add_norms(tensors, shape, block);
  add_mixer(tensors, shape, layer, block);
  if (shape.whole_layers || letter(shape, layer) == 'F') {
    const bool dense = !shape.experts || layer < shape.experts->leading_dense;
    if (dense) {
      add_dense(tensors, shape, block, shape.feed_forward);
    } else {
      add_experts(tensors, shape, block);
    }
  }
  if (shape.streams > 1) add_streams(tensors, shape, block);
  if (shape.per_layer_width > 0) add_per_layer(tensors, shape, block);
}

}  // namespace exogpu::tiny
