// Llama 2 and 3.x, Mistral and Mixtral: the plain block, with experts and rope factors from the file.
#include "engine/families/family.h"

namespace exogpu::engine {

Result<void> describe_llama(const Metadata&, Architecture& a) {
  a.rope.pairs = Rope::Pairs::adjacent;
  return {};
}

}  // namespace exogpu::engine
