// Qwen3-Next and Qwen3.5/3.6: gated delta nets in most layers, gated attention in the others; dense or with experts.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {
namespace {

Result<void> read_delta(const Metadata& file, GatedDelta& d) {
  EXO_TRY(d.head_dim, file.count("ssm.state_size"));
  EXO_TRY(d.v_heads, file.count("ssm.time_step_rank"));
  EXO_TRY(d.k_heads, file.count("ssm.group_count"));
  EXO_TRY(d.taps, file.count("ssm.conv_kernel"));
  EXO_TRY(const uint32_t inner, file.count("ssm.inner_size"));
  if (d.taps < 2 || d.taps > 64) return file.corrupt("ssm.conv_kernel", "is not between 2 and 64");
  if (d.v_heads % d.k_heads != 0) return file.corrupt("ssm.group_count", "does not divide ssm.time_step_rank");
  if (d.head_dim > 1024 || uint64_t{d.head_dim} * d.v_heads != inner)
    return file.corrupt("ssm.inner_size", "is not ssm.state_size times ssm.time_step_rank");
  return {};
}

// attention.recurrent_layers has a flag for each layer; else of every full_attention_interval layers the last attends.
Result<void> read_mixers(const Metadata& file, Architecture& a) {
  EXO_TRY(const uint32_t interval, file.count_or("full_attention_interval", 4));
  if (interval == 0) return file.corrupt("full_attention_interval", "must not be 0");
  const auto* flags = file.file().ints(file.key("attention.recurrent_layers"));
  if (flags != nullptr && flags->size() < a.n_layers)
    return file.corrupt("attention.recurrent_layers", "does not cover all layers");
  for (uint32_t i = 0; i < a.n_layers; ++i) {
    const bool recurrent = flags != nullptr ? (*flags)[i] != 0 : (i + 1) % interval != 0;
    if (recurrent) a.layers[i].mixer = Mixer::gated_delta;
  }
  return {};
}

}  // namespace

Result<void> describe_qwen3_next(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  a.qk_norm = QkNorm::per_head;
  a.gated_attention = true;
  a.feed_forward_norm = "post_attention_norm.weight";
  if (a.experts.count > 0) EXO_CHECK(use_experts_from(file, a, 0));
  EXO_CHECK(read_delta(file, a.delta));
  return read_mixers(file, a);
}

Result<void> describe_qwen35(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_qwen3_next(file, a));
  a.delta.neighbours_share = false;
  return read_rope_axes(file, a, Rope::Pairs::interleaved_sections);
}

}  // namespace exogpu::engine
