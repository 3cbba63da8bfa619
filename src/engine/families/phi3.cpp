// Phi-3: q, k, v in one tensor, gate and up in another; the rope factors are tensors of the file.
#include "engine/families/family.h"

namespace exogpu::engine {

Result<void> describe_phi3(const Metadata&, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  return {};
}

}  // namespace exogpu::engine
