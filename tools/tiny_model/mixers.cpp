#include "tiny_model/mixers.h"

#include <vector>

namespace exogpu::tiny {
namespace {

// How fast each head forgets: -0.1, -0.3 ...
std::vector<float> decays(uint32_t heads) {
  std::vector<float> values;
  for (uint32_t i = 0; i < heads; ++i) values.push_back(-0.1F - 0.2F * static_cast<float>(i));
  return values;
}

}  // namespace

void add_attention(Tensors& tensors, const Shape& shape, uint32_t layer, const std::string& block) {
  const uint64_t q = uint64_t{shape.heads} * shape.head_dim, kv = uint64_t{shape.kv_heads} * shape.head_dim;
  const bool own = layer + shape.shared_kv_layers < shape.layers;
  if (shape.packed) {
    tensors.matrix(block + "attn_qkv.weight", q + 2 * kv, shape.embedding);
  } else {
    tensors.matrix(block + "attn_q.weight", (shape.delta ? 2 : 1) * q, shape.embedding);
    if (own) tensors.matrix(block + "attn_k.weight", kv, shape.embedding);
    if (own) tensors.matrix(block + "attn_v.weight", kv, shape.embedding);
  }
  tensors.matrix(block + "attn_output.weight", shape.embedding, q);
  if (shape.qkv_bias) {
    tensors.vector(block + "attn_q.bias", q, 0);
    tensors.vector(block + "attn_k.bias", kv, 0);
    tensors.vector(block + "attn_v.bias", kv, 0);
    if (shape.encoder) tensors.vector(block + "attn_output.bias", shape.embedding, 0);
  }
  if (shape.qk_norm || shape.wide_qk_norm) {
    tensors.vector(block + "attn_q_norm.weight", shape.wide_qk_norm ? q : shape.head_dim);
    if (own) tensors.vector(block + "attn_k_norm.weight", shape.wide_qk_norm ? kv : shape.head_dim);
  }
  if (shape.sinks) tensors.vector(block + "attn_sinks.weight", shape.heads);
}

void add_latent(Tensors& tensors, const Shape& shape, const std::string& block) {
  const Latent& l = *shape.latent;
  const uint64_t head = l.nope + l.rope;
  tensors.matrix(block + "attn_q_a.weight", l.q_rank, shape.embedding);
  tensors.vector(block + "attn_q_a_norm.weight", l.q_rank);
  tensors.matrix(block + "attn_q_b.weight", shape.heads * head, l.q_rank);
  tensors.matrix(block + "attn_kv_a_mqa.weight", l.kv_rank + l.rope, shape.embedding);
  tensors.vector(block + "attn_kv_a_norm.weight", l.kv_rank);
  tensors.expert_matrix(block + "attn_k_b.weight", shape.heads, l.kv_rank, l.nope);
  tensors.expert_matrix(block + "attn_v_b.weight", shape.heads, l.value, l.kv_rank);
  tensors.matrix(block + "attn_output.weight", shape.embedding, uint64_t{shape.heads} * l.value);
}

void add_delta(Tensors& tensors, const Shape& shape, const std::string& block) {
  const Delta& d = *shape.delta;
  const uint64_t values = uint64_t{d.value_heads} * d.head_dim;
  const uint64_t width = values + uint64_t{2} * d.key_heads * d.head_dim;
  tensors.matrix(block + "attn_qkv.weight", width, shape.embedding);
  tensors.matrix(block + "attn_gate.weight", values, shape.embedding);
  tensors.values(block + "ssm_conv1d.weight", {d.taps, width}, 0.5F);
  tensors.vector(block + "ssm_dt.bias", d.value_heads, 0);
  tensors.given(block + "ssm_a", decays(d.value_heads));
  if (shape.architecture == "qwen3next") {
    tensors.matrix(block + "ssm_ba.weight", uint64_t{2} * d.value_heads, shape.embedding);
  } else {
    tensors.matrix(block + "ssm_beta.weight", d.value_heads, shape.embedding);
    tensors.matrix(block + "ssm_alpha.weight", d.value_heads, shape.embedding);
  }
  tensors.vector(block + "ssm_norm.weight", d.head_dim);
  tensors.matrix(block + "ssm_out.weight", shape.embedding, values);
}

void add_mamba2(Tensors& tensors, const Shape& shape, const std::string& block) {
  const Mamba2& m = *shape.mamba2;
  const uint64_t width = m.inner + uint64_t{2} * m.groups * m.state;
  tensors.matrix(block + "ssm_in.weight", m.inner + width + m.heads, shape.embedding);
  tensors.values(block + "ssm_conv1d.weight", {m.taps, width}, 0.5F);
  tensors.vector(block + "ssm_conv1d.bias", width, 0);
  tensors.vector(block + "ssm_dt.bias", m.heads, 0);
  tensors.given(block + "ssm_a", {1, m.heads}, decays(m.heads));
  tensors.values(block + "ssm_d", {1, m.heads}, 1);
  tensors.values(block + "ssm_norm.weight", {m.inner / m.groups, m.groups}, 1);
  tensors.matrix(block + "ssm_out.weight", shape.embedding, m.inner);
}

void add_short_convolution(Tensors& tensors, const Shape& shape, const std::string& block) {
  tensors.matrix(block + "shortconv.in_proj.weight", uint64_t{3} * shape.embedding, shape.embedding);
  tensors.values(block + "shortconv.conv.weight", {shape.short_conv_taps, shape.embedding}, 0.5F);
  tensors.matrix(block + "shortconv.out_proj.weight", shape.embedding, shape.embedding);
}

}  // namespace exogpu::tiny
