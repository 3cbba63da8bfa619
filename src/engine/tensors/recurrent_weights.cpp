#include "engine/tensors/fused_matrices.h"
#include "engine/tensors/layer_parts.h"

namespace exogpu::engine {

Result<DeltaWeights> add_delta(WeightPlaces& places, const Architecture& a, const std::string& block) {
  const GatedDelta& d = a.delta;
  DeltaWeights w;
  EXO_TRY(w.qkv, add_matrix(places, block + "attn_qkv", a.d_model, d.conv_width()));
  EXO_TRY(w.gate, add_matrix(places, block + "attn_gate", a.d_model, d.v_width()));
  EXO_TRY(w.kernel, places.add({block + "ssm_conv1d.weight", {d.taps, d.conv_width(), 1}}, WeightUse::small));
  EXO_TRY(w.decay, places.add_vector(block + "ssm_a", d.v_heads));
  EXO_TRY(w.step_bias, places.add_vector(block + "ssm_dt.bias", d.v_heads));
  if (places.has(block + "ssm_ba.weight")) {
    EXO_TRY(w.beta_alpha, add_matrix(places, block + "ssm_ba", a.d_model, 2 * d.v_heads));
  } else {
    EXO_TRY(w.beta, add_matrix(places, block + "ssm_beta", a.d_model, d.v_heads));
    EXO_TRY(w.alpha, add_matrix(places, block + "ssm_alpha", a.d_model, d.v_heads));
  }
  EXO_TRY(w.norm, add_norm(places, block + "ssm_norm", d.head_dim));
  EXO_TRY(w.out, add_matrix(places, block + "ssm_out", d.v_width(), a.d_model));
  return w;
}

Result<Mamba2Weights> add_mamba2(WeightPlaces& places, const Architecture& a, const std::string& block) {
  const Mamba2& m = a.mamba2;
  Mamba2Weights w;
  EXO_TRY(w.in, add_matrix(places, block + "ssm_in", a.d_model, m.inner + m.conv_width() + m.heads));
  EXO_TRY(w.kernel, places.add({block + "ssm_conv1d.weight", {m.taps, m.conv_width(), 1}}, WeightUse::small));
  EXO_TRY(w.kernel_bias, places.add_vector_if(block + "ssm_conv1d.bias", m.conv_width()));
  EXO_TRY(w.step_bias, places.add_vector(block + "ssm_dt.bias", m.heads));
  EXO_TRY(w.decay, places.add({block + "ssm_a", {1, m.heads, 1}}, WeightUse::small));
  EXO_TRY(w.skip, places.add({block + "ssm_d", {1, m.heads, 1}}, WeightUse::small));
  if (places.has(block + "ssm_norm.weight")) {
    EXO_TRY(w.norm, places.add({block + "ssm_norm.weight", {m.inner / m.groups, m.groups, 1}}, WeightUse::small));
  }
  EXO_TRY(w.out, add_matrix(places, block + "ssm_out", m.inner, a.d_model));
  return w;
}

Result<ShortConvWeights> add_short_conv(WeightPlaces& places, const Architecture& a, const std::string& block) {
  ShortConvWeights w;
  EXO_TRY(w.in, add_matrix(places, block + "shortconv.in_proj", a.d_model, 3 * a.d_model));
  EXO_TRY(w.kernel, places.add({block + "shortconv.conv.weight", {a.short_conv_taps, a.d_model, 1}}, WeightUse::small));
  EXO_TRY(w.out, add_matrix(places, block + "shortconv.out_proj", a.d_model, a.d_model));
  return w;
}

}  // namespace exogpu::engine
