// Phi-3: q, k, v in one tensor, gate and up in another; the rope factors are tensors of the file. Phi-3.5-MoE: norms
// with biases, and experts.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

Result<void> describe_phi3(const Metadata&, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  return {};
}

Result<void> describe_phimoe(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  a.experts.d_ff = a.layers.front().d_ff;
  return use_experts_from(file, a, 0);
}

}  // namespace exogpu::engine
