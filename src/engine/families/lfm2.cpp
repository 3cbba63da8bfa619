// LFM2: gated short convolutions in most layers, attention in the others; dense or with experts.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

Result<void> describe_lfm2(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  a.qk_norm = QkNorm::per_head;
  // The model's last norm has the name of one that others have after the embedding.
  a.output_norm = file.has_tensor("output_norm.weight") ? "output_norm.weight" : "token_embd_norm.weight";
  for (LayerSpec& layer : a.layers)
    if (layer.n_kv_heads == 0) layer.mixer = Mixer::short_conv;
  EXO_TRY(a.short_conv_taps, file.count("shortconv.l_cache"));
  if (a.short_conv_taps < 2 || a.short_conv_taps > 64)
    return file.corrupt("shortconv.l_cache", "is not between 2 and 64");
  return {};
}

Result<void> describe_lfm2_moe(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_lfm2(file, a));
  return read_leading_dense(file, a);
}

}  // namespace exogpu::engine
