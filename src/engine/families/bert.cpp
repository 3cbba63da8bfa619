// Models that give embeddings: BERT and Nomic's (norms after the residual additions, all tokens see all others), and
// EmbeddingGemma (Gemma 3 without a causal mask). Embedding models of causal families are those families with a
// pooling.
#include <format>

#include "engine/families/family.h"
#include "engine/families/reading.h"

namespace exogpu::engine {

Result<void> read_pooling(const Metadata& file, Architecture& a) {
  EXO_TRY(const uint32_t pooling, file.count_or("pooling_type", 0));
  switch (pooling) {
    case 0: break;
    case 1: a.pooling = Pooling::mean; break;
    case 2: a.pooling = Pooling::first; break;
    case 3: a.pooling = Pooling::last; break;
    default: return file.unsupported("pooling_type", "is none of 0 (none), 1 (mean), 2 (first), 3 (last)");
  }
  uint32_t width = a.d_model;
  for (size_t i = 0; i < a.dense_widths.size(); ++i) {
    const std::string name = std::format("dense_{}", i + 2);
    if (!file.has_tensor(name + ".weight")) continue;
    EXO_TRY(const uint32_t in, file.count_or(name + "_feat_in", width));
    EXO_TRY(a.dense_widths[i], file.count(name + "_feat_out"));
    if (in != width) return file.corrupt(name + "_feat_in", "is not the width of what it multiplies");
    width = a.dense_widths[i];
  }
  return {};
}

Result<void> describe_bert(const Metadata& file, Architecture& a) {
  a.layer_norm = true;
  a.pre_norm = false;
  a.residual_norm = true;
  a.output_norm = "";
  a.causal = false;
  a.has_head = false;
  a.embedding_norm = true;
  a.embeds_positions = true;
  a.activation = Activation::plain_gelu;
  if (a.pooling == Pooling::none) a.pooling = Pooling::first;
  for (LayerSpec& layer : a.layers) layer.rotates = false;
  return file.has("expert_count") ? file.unsupported("expert_count", "is not supported") : Result<void>();
}

Result<void> describe_nomic_bert(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_bert(file, a));
  a.embeds_positions = false;
  a.rope.pairs = Rope::Pairs::halves;
  a.activation = Activation::silu;
  for (LayerSpec& layer : a.layers) layer.rotates = true;
  return {};
}

Result<void> describe_gemma_embedding(const Metadata& file, Architecture& a) {
  EXO_CHECK(describe_gemma3(file, a));
  a.causal = false;
  a.has_head = false;
  a.sliding.kind = SlidingWindow::Kind::both_sides;
  if (a.pooling == Pooling::none) a.pooling = Pooling::mean;
  return {};
}

}  // namespace exogpu::engine
