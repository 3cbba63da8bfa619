// Command R7B and others: attention and feed-forward side by side; layers that see everything do not rotate.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

Result<void> describe_cohere2(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::adjacent;
  a.layer_norm = true;
  a.parallel = true;
  EXO_TRY(a.logit_scale, file.number_or("logit_scale", 1.0F));
  EXO_CHECK(read_sliding(file, a, 4));
  for (LayerSpec& layer : a.layers) layer.rotates = layer.sliding;
  return {};
}

}  // namespace exogpu::engine
