#include <array>

#include "engine/tensors/fused_matrices.h"
#include "engine/tensors/layer_parts.h"

namespace exogpu::engine {
namespace {

// PREFIX.weight [d_in, d_out, n] and, where the file has one, PREFIX.bias [d_out, n].
Result<Matrix> add_expert_matrix(WeightPlaces& places, const std::string& prefix, uint32_t d_in, uint32_t d_out,
                                 uint32_t n) {
  Matrix m;
  EXO_TRY(m.weight, places.add({prefix + ".weight", {d_in, d_out, n}}, WeightUse::expert_matrix));
  if (places.has(prefix + ".bias")) {
    EXO_TRY(m.bias, places.add({prefix + ".bias", {d_out, n, 1}}, WeightUse::small));
  }
  return m;
}

Result<void> add_expert_matrices(WeightPlaces& places, const Architecture& a, const std::string& block,
                                 ExpertWeights& w) {
  const Experts& e = a.experts;
  if (places.has(block + "ffn_gate_up_exps.weight")) {
    EXO_TRY(w.gate_up, add_expert_matrix(places, block + "ffn_gate_up_exps", a.d_model, 2 * e.d_ff, e.count));
  } else {
    EXO_TRY(w.up, add_expert_matrix(places, block + "ffn_up_exps", a.d_model, e.d_ff, e.count));
    if (e.activation != Activation::relu_squared) {
      EXO_TRY(w.gate, add_expert_matrix(places, block + "ffn_gate_exps", a.d_model, e.d_ff, e.count));
    }
  }
  EXO_TRY(w.down, add_expert_matrix(places, block + "ffn_down_exps", e.d_ff, a.d_model, e.count));
  EXO_TRY(w.down_scale, places.add_vector_if(block + "ffn_down_exps.scale", e.count));
  return {};
}

// The file's tensor decides how wide the shared expert is: files differ in what they state.
Result<void> add_shared_expert(WeightPlaces& places, const Architecture& a, const std::string& block,
                               ExpertWeights& w) {
  const model::TensorInfo* up = places.file().find_tensor(block + "ffn_up_shexp.weight");
  if (up == nullptr) return {};
  if (up->dims[1] == 0 || up->dims[1] > (1U << 24))
    return fail(ErrorCode::corrupt, "{}: tensor {} has an impossible shape", places.file().path().string(), up->name);
  EXO_TRY(const uint64_t width, places.width_of(up->name, 1));
  EXO_TRY(w.shared, add_dense(places, a.d_model, static_cast<uint32_t>(width), block, "_shexp", a.experts.activation));
  EXO_TRY(w.shared_gate, places.add_vector_if(block + "ffn_gate_inp_shexp.weight", a.d_model));
  return {};
}

}  // namespace

Result<DenseWeights> add_dense(WeightPlaces& places, uint32_t d_model, uint32_t d_ff, const std::string& block,
                               const std::string& suffix, Activation activation) {
  DenseWeights w;
  const std::string gate = block + "ffn_gate" + suffix;
  const std::string up = block + "ffn_up" + suffix;
  if (ungated(activation)) {
    const std::array names = {PartName{up, d_ff}};
    EXO_TRY(w.gate_up, fuse(places, names, d_model));
  } else if (places.has(gate + ".weight")) {
    const std::array names = {PartName{gate, d_ff}, PartName{up, d_ff}};
    EXO_TRY(w.gate_up, fuse(places, names, d_model));
  } else {
    EXO_TRY(w.gate_up, split(places, up, d_model, {d_ff, d_ff}));
  }
  EXO_TRY(w.down, add_matrix(places, block + "ffn_down" + suffix, d_ff, d_model));
  return w;
}

Result<ExpertWeights> add_experts(WeightPlaces& places, const Architecture& a, const LayerSpec& layer,
                                  const std::string& block) {
  const Experts& e = a.experts;
  ExpertWeights w;
  EXO_TRY(w.router, add_matrix(places, block + "ffn_gate_inp", a.d_model, e.count));
  if (e.rescaled_router) {
    EXO_TRY(w.router_scale, places.add_vector(block + "ffn_gate_inp.scale", a.d_model));
  }
  for (const char* name : {"exp_probs_b.bias", "exp_probs_b"}) {
    if (!places.has(block + name)) continue;
    EXO_TRY(w.choice_bias, places.add_vector(block + name, e.count));
  }
  EXO_CHECK(add_expert_matrices(places, a, block, w));
  if (layer.feed_forward == FeedForward::dense_and_experts) {
    EXO_TRY(w.norm, add_norm(places, block + "pre_ffw_norm_2", a.d_model));
    EXO_TRY(w.dense_post_norm, add_norm(places, block + "post_ffw_norm_1", a.d_model));
    EXO_TRY(w.post_norm, add_norm(places, block + "post_ffw_norm_2", a.d_model));
    return w;
  }
  EXO_CHECK(add_shared_expert(places, a, block, w));
  return w;
}

}  // namespace exogpu::engine
