// Llama 4: of every four layers three rotate and attend within chunks, the fourth sees everything without rotation.
#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {
namespace {

constexpr uint32_t llama4_chunk = 8192;

}  // namespace

Result<void> describe_llama4(const Metadata& file, Architecture& a) {
  a.rope.pairs = Rope::Pairs::adjacent;
  EXO_TRY(const uint32_t step, file.count_or("interleave_moe_layer_step", 1));
  EXO_CHECK(use_experts_from(file, a, 0, step));
  a.experts.gating = Gating::sigmoid;
  a.experts.normalised = false;
  a.experts.weights_input = true;
  a.rope_sliding = a.rope;
  EXO_TRY(const uint32_t window, file.count_or("attention.sliding_window", llama4_chunk));
  if (window == 0) return {};
  EXO_CHECK(read_sliding(file, a, 4, llama4_chunk));
  a.sliding = {.kind = SlidingWindow::Kind::chunk, .window = llama4_chunk};
  EXO_TRY(a.rope_sliding.base, file.number_or("rope.freq_base_swa", a.rope.base));
  a.temperature = {.scale = 0.1F, .offset = 1.0F, .length = llama4_chunk};
  for (uint32_t i = 0; i < a.n_layers; ++i) {
    a.layers[i].rotates = (i + 1) % 4 != 0;
    a.layers[i].scaled_by_position = !a.layers[i].rotates;
  }
  if (a.experts.count == 128) return {};  // the largest model has no norms
  a.qk_norm = QkNorm::per_head;
  a.qk_norm_rotated = true;
  a.qk_norm_weights = false;
  return {};
}

}  // namespace exogpu::engine
