// gpt-oss: experts with a clamped activation and biases, a learned sink in each head's softmax, every other layer with
// a sliding window.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

Result<void> describe_gpt_oss(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  a.feed_forward_norm = "post_attention_norm.weight";
  a.sinks = true;
  EXO_CHECK(use_experts_from(file, a, 0));
  a.experts.gating = Gating::softmax_of_chosen;
  a.experts.normalised = false;
  a.experts.activation = Activation::clamped_swiglu;
  return read_sliding(file, a, 2);
}

}  // namespace exogpu::engine
