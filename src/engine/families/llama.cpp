// Llama 2 and 3.x, Mistral and Mixtral: the plain block, with experts and rope factors from the file. Mistral 3,
// SmolLM3, Seed-OSS and ERNIE 4.5 differ from it in a detail.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

void read_qk_norm(const Metadata& file, Architecture& a) {
  for (uint32_t i = 0; i < a.n_layers; ++i)
    if (file.has_tensor("blk." + std::to_string(i) + ".attn_q_norm.weight")) a.qk_norm = QkNorm::per_head;
}

Result<void> read_temperature(const Metadata& file, Architecture& a) {
  EXO_TRY(a.temperature.scale, file.number_or("attention.temperature_scale", 0.0F));
  if (a.temperature.scale == 0.0F) return {};
  a.temperature.length = a.rope.context_trained;
  if (a.temperature.length == 0) return file.corrupt("rope.scaling.original_context_length", "must not be 0");
  for (LayerSpec& layer : a.layers) layer.scaled_by_position = true;
  return {};
}

Result<void> describe_llama(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::adjacent;
  if (a.experts.count > 0) EXO_CHECK(use_experts_from(file, a, 0));
  return {};
}

Result<void> describe_mistral3(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_llama(file, a));
  return read_temperature(file, a);
}

// Of every four layers the last does not rotate.
Result<void> describe_smollm3(const Metadata&, Architecture& a) {
  a.rope.pairs = Rope::Pairs::adjacent;
  for (uint32_t i = 3; i < a.n_layers; i += 4) a.layers[i].rotates = false;
  return {};
}

Result<void> describe_seed_oss(const Metadata&, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  a.feed_forward_norm = "post_attention_norm.weight";
  return {};
}

Result<void> describe_ernie4_5(const Metadata&, Architecture& a) {
  a.rope.pairs = Rope::Pairs::adjacent;
  return {};
}

// A softmax router with a bias on the choice; the first layers are dense, and of each step only the last has experts.
Result<void> describe_ernie4_5_moe(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::adjacent;
  EXO_TRY(const uint32_t dense, file.count_or("leading_dense_block_count", 0));
  EXO_TRY(const uint32_t step, file.count_or("interleave_moe_layer_step", 1));
  return use_experts_from(file, a, dense, step);
}

}  // namespace exogpu::engine
