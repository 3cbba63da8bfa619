// Families with Mamba-2 layers: Nemotron-H, whose layers are one thing each, and Falcon-H1, which has attention and
// Mamba-2 side by side.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

Result<void> read_mamba2(const Metadata& file, Architecture& a) {
  Mamba2& m = a.mamba2;
  EXO_TRY(m.inner, file.count("ssm.inner_size"));
  EXO_TRY(m.state, file.count("ssm.state_size"));
  EXO_TRY(m.heads, file.count("ssm.time_step_rank"));
  EXO_TRY(m.groups, file.count_or("ssm.group_count", 1));
  EXO_TRY(m.taps, file.count("ssm.conv_kernel"));
  if (m.groups == 0) m.groups = 1;
  if (m.inner % m.heads != 0) return file.corrupt("ssm.time_step_rank", "does not divide ssm.inner_size");
  if (m.heads % m.groups != 0 || m.inner % m.groups != 0)
    return file.corrupt("ssm.group_count", "does not divide the number of heads");
  if (m.taps < 2 || m.taps > 64) return file.corrupt("ssm.conv_kernel", "is not between 2 and 64");
  if (m.inner > (1U << 20) || m.state > (1U << 12)) return file.corrupt("ssm.inner_size", "is beyond anything real");
  return {};
}

Result<void> describe_nemotron_h(const Metadata& file, Architecture& a) {
  for (LayerSpec& layer : a.layers) {
    const bool feeds_forward = layer.d_ff > 0;
    layer.rotates = false;
    layer.mixer = feeds_forward ? Mixer::none : layer.n_kv_heads > 0 ? Mixer::attention : Mixer::mamba2;
    layer.feed_forward = !feeds_forward        ? FeedForward::none
                         : a.experts.count > 0 ? FeedForward::experts
                                               : FeedForward::dense;
  }
  a.activation = a.experts.activation = Activation::relu_squared;
  a.feed_forward_norm = "attn_norm.weight";  // the layer's only norm
  a.experts.gating = Gating::sigmoid;
  EXO_TRY(a.experts.normalised, file.flag_or("expert_weights_norm", false));
  EXO_TRY(const float scale, file.number_or("attention.scale", 0.0F));
  if (scale != 0.0F) a.attention_scale = scale;
  return read_mamba2(file, a);
}

Result<void> describe_falcon_h1(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  if (!file.has_tensor("blk.0.ffn_norm.weight")) a.feed_forward_norm = "ffn_norm";  // the name that converters gave it
  for (LayerSpec& layer : a.layers) layer.mixer = Mixer::attention_and_mamba2;
  return read_mamba2(file, a);
}

}  // namespace exogpu::engine
