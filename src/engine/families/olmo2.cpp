// OLMo-2: norms only after attention and feed-forward, and over the whole width of q and k.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

Result<void> describe_olmo2(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  a.pre_norm = false;
  a.post_norm = true;
  a.qk_norm = QkNorm::whole;
  EXO_CHECK(read_sliding(file, a, 4));
  a.rope_sliding.frequency_scale = 1.0F;
  a.rope_sliding.extrapolation = 0.0F;
  a.rope_sliding.attention_factor = 1.0F;
  return {};
}

}  // namespace exogpu::engine
