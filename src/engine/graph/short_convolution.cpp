#include "engine/graph/recurrence.h"

namespace exogpu::engine {

ggml_tensor* short_convolution(const Builder& b, const ShortConvWeights& w, uint32_t index, ggml_tensor* x,
                               QueryRows rows) {
  const int64_t width = b.arch().d_model;
  const uint32_t local = index - b.source.layers.begin;
  ggml_context* ctx = b.ctx();
  ggml_tensor* all = multiply(b, w.in, x);
  auto third = [&](int64_t i) {
    return ggml_view_2d(ctx, all, width, all->ne[1], all->nb[1], i * width * ggml_element_size(all));
  };
  ggml_tensor* gated_in = ggml_mul(ctx, third(0), third(2));
  ggml_tensor* y = by_group(b, [&](const TokenGroup& g) {
    ggml_tensor* mixed = causal_convolution(b, b.source.states.inputs(local), w.kernel, tokens_of(b, gated_in, g), g);
    return ggml_reshape_2d(ctx, mixed, width, g.slots.all_tokens());
  });
  if (rows == QueryRows::none) return nullptr;
  return multiply(b, w.out, ggml_mul(ctx, select_rows(b, y, rows), select_rows(b, third(1), rows)));
}

}  // namespace exogpu::engine
