// Layers of models with several residual streams (Gemma 3n).
#include <cmath>

#include "engine/graph/builder.h"

namespace exogpu::engine {
namespace {

ggml_tensor* magnitude(const Builder& b, ggml_tensor* x) {
  return ggml_sqrt(b.ctx(), ggml_sum_rows(b.ctx(), ggml_sqr(b.ctx(), x)));
}

// x scaled to the magnitude `target` of each row.
ggml_tensor* scaled_to(const Builder& b, ggml_tensor* x, ggml_tensor* target) {
  return ggml_div(b.ctx(), ggml_mul(b.ctx(), x, target), magnitude(b, x));
}

// Stream `i` of x [d_model, n, streams].
ggml_tensor* stream(const Builder& b, ggml_tensor* x, int64_t i) {
  return ggml_view_2d(b.ctx(), x, x->ne[0], x->ne[1], x->nb[1], i * x->nb[2]);
}

// All streams but the first.
ggml_tensor* other_streams(const Builder& b, ggml_tensor* x) {
  return ggml_view_3d(b.ctx(), x, x->ne[0], x->ne[1], x->ne[2] - 1, x->nb[1], x->nb[2], x->nb[2]);
}

// How much each stream concerns the layer: [d_model, n] -> [streams, n]
ggml_tensor* modalities(const Builder& b, const StreamWeights& w, ggml_tensor* x) {
  ggml_tensor* in = ggml_scale(b.ctx(), norm(b, x, w.router_norm), 1.0F / static_cast<float>(b.arch().d_model));
  return ggml_tanh(b.ctx(), multiply(b, w.router, in));
}

// [d_model, n, streams] -> the same
ggml_tensor* predict(const Builder& b, const StreamWeights& w, ggml_tensor* x) {
  ggml_context* ctx = b.ctx();
  const int64_t n = x->ne[1];
  const int64_t count = x->ne[2];
  ggml_tensor* mixing = multiply(b, w.predict, modalities(b, w, stream(b, x, 0)));
  mixing = ggml_reshape_3d(ctx, mixing, count, count, n);
  ggml_tensor* by_token = ggml_cont(ctx, ggml_permute(ctx, x, 1, 2, 0, 3));  // [streams, d_model, n]
  ggml_tensor* mixed = ggml_mul_mat(ctx, by_token, mixing);                  // [d_model, streams, n]
  mixed = ggml_cont(ctx, ggml_permute(ctx, precise(mixed), 0, 2, 1, 3));
  return ggml_add(ctx, mixed, x);
}

// Moves all predictions by what the computed stream differs from its own.
ggml_tensor* correct(const Builder& b, const StreamWeights& w, ggml_tensor* predicted, ggml_tensor* computed) {
  ggml_context* ctx = b.ctx();
  const int64_t n = computed->ne[1];
  const int64_t count = predicted->ne[2];
  ggml_tensor* surprise = ggml_sub(ctx, computed, stream(b, predicted, 0));
  ggml_tensor* shares = multiply(b, w.correct, modalities(b, w, computed));
  shares = ggml_scale_bias(ctx, shares, 1.0F, 1.0F);
  shares = ggml_cont_3d(ctx, ggml_transpose(ctx, shares), 1, n, count);
  surprise = ggml_repeat_4d(ctx, surprise, computed->ne[0], n, count, 1);
  return ggml_add(ctx, ggml_mul(ctx, surprise, shares), predicted);
}

ggml_tensor* laurel(const Builder& b, const StreamWeights& w, ggml_tensor* x) {
  return ggml_add(b.ctx(), norm(b, multiply(b, w.laurel_up, multiply(b, w.laurel_down, x)), w.laurel_norm), x);
}

}  // namespace

ggml_tensor* split_streams(const Builder& b, ggml_tensor* x) {
  const int64_t others = b.arch().streams.count - 1;
  ggml_tensor* copies = ggml_repeat_4d(b.ctx(), x, x->ne[0], x->ne[1], others, 1);
  ggml_tensor* added = precise(ggml_mul_mat(b.ctx(), b.weights().streams_in, copies));
  return ggml_concat(b.ctx(), x, scaled_to(b, added, magnitude(b, x)), 2);
}

ggml_tensor* merge_streams(const Builder& b, ggml_tensor* x) {
  ggml_tensor* first = stream(b, x, 0);
  ggml_tensor* back = precise(ggml_mul_mat(b.ctx(), b.weights().streams_out, other_streams(b, x)));
  back = scaled_to(b, back, magnitude(b, first));
  ggml_tensor* sum = first;
  for (int64_t i = 0; i < back->ne[2]; ++i) sum = ggml_add(b.ctx(), sum, stream(b, back, i));
  return ggml_scale(b.ctx(), sum, 1.0F / static_cast<float>(x->ne[2]));
}

Passing streams_layer(const Builder& b, uint32_t index, Passing in, QueryRows rows) {
  const LayerWeights& w = b.weights().layers[index - b.source.layers.begin];
  ggml_context* ctx = b.ctx();
  ggml_tensor* predicted = predict(b, w.streams, in.x);
  ggml_tensor* active = stream(b, predicted, 0);
  ggml_tensor* normed = norm(b, active, w.mixer_norm);
  ggml_tensor* y = attention(b, w.attention, index, normed, rows);
  if (rows == QueryRows::none) return {};
  y = ggml_add(ctx, norm(b, y, w.mixer_post_norm), active);
  y = ggml_scale(ctx, ggml_add(ctx, y, laurel(b, w.streams, normed)), 1.0F / std::sqrt(2.0F));
  ggml_tensor* fed = layer_feed_forward(b, index, norm(b, y, w.feed_forward_norm), y);
  y = ggml_add(ctx, norm(b, fed, w.feed_forward_post_norm), y);
  ggml_tensor* corrected = correct(b, w.streams, predicted, y);
  ggml_tensor* scaled = ggml_mul(ctx, stream(b, corrected, 0), w.streams.correct_scale);
  ggml_tensor* added = per_layer_input(b, index, scaled, in.per_layer);
  ggml_tensor* others = ggml_add(ctx, other_streams(b, corrected), added);
  return {ggml_concat(ctx, stream(b, corrected, 0), others, 2), in.per_layer};
}

}  // namespace exogpu::engine
