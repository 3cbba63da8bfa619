// Ling and Ring 2: a sigmoid router with groups, norms on queries and keys, a partial rotation.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

Result<void> describe_bailingmoe2(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::halves;
  a.qk_norm = QkNorm::per_head;
  if (!file.has("expert_gating_func")) a.experts.gating = Gating::sigmoid;
  EXO_TRY(a.experts.normalised, file.flag_or("expert_weights_norm", true));
  return read_leading_dense(file, a);
}

}  // namespace exogpu::engine
