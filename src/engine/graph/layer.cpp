#include "engine/graph/builder.h"

namespace exogpu::engine {
namespace {

// x + scale * y
ggml_tensor* add_residual(const Builder& b, ggml_tensor* x, ggml_tensor* y) {
  float scale = b.arch().residual_scale;
  return ggml_add(b.ctx(), scale != 1.0F ? ggml_scale(b.ctx(), y, scale) : y, x);
}

ggml_tensor* mix(const Builder& b, uint32_t index, ggml_tensor* x, QueryRows rows) {
  const LayerWeights& w = b.weights().layers[index - b.source.layers.begin];
  switch (b.layer(index).mixer) {
    case Mixer::none: return nullptr;
    case Mixer::attention: return attention(b, w.attention, index, x, rows);
    case Mixer::latent_attention: return latent_attention(b, w.latent, index, x, rows);
    case Mixer::gated_delta: return gated_delta(b, w.delta, index, x, rows);
    case Mixer::mamba2: return mamba2(b, w.mamba2, index, x, rows);
    case Mixer::short_conv: return short_convolution(b, w.short_conv, index, x, rows);
    case Mixer::attention_and_mamba2: break;
  }
  ggml_tensor* attended = attention(b, w.attention, index, x, rows);
  ggml_tensor* scanned = mamba2(b, w.mamba2, index, x, rows);
  return rows == QueryRows::none ? nullptr : ggml_add(b.ctx(), attended, scanned);
}

}  // namespace

ggml_tensor* layer_feed_forward(const Builder& b, uint32_t index, ggml_tensor* x, ggml_tensor* raw) {
  const LayerWeights& w = b.weights().layers[index - b.source.layers.begin];
  const LayerSpec& l = b.layer(index);
  if (l.feed_forward == FeedForward::experts) return expert_feed_forward(b, w.experts, x, x);
  ggml_tensor* y = dense_feed_forward(b, w.dense, x, b.arch().activation, l.sparse_gate);
  if (l.feed_forward == FeedForward::dense) return y;
  y = norm(b, y, w.experts.dense_post_norm);
  ggml_tensor* routed = expert_feed_forward(b, w.experts, norm(b, raw, w.experts.norm), raw);
  return ggml_add(b.ctx(), y, norm(b, routed, w.experts.post_norm));
}

ggml_tensor* per_layer_input(const Builder& b, uint32_t index, ggml_tensor* x, ggml_tensor* per_layer) {
  const PerLayerWeights& w = b.weights().layers[index - b.source.layers.begin].per_layer;
  const int64_t width = b.arch().per_layer_width;
  ggml_context* ctx = b.ctx();
  ggml_tensor* own = ggml_view_2d(ctx, per_layer, width, per_layer->ne[1], per_layer->nb[1],
                                  index * width * ggml_element_size(per_layer));
  ggml_tensor* gate = ggml_gelu(ctx, multiply(b, w.gate, x));
  return norm(b, multiply(b, w.out, ggml_mul(ctx, gate, own)), w.norm);
}

Passing plain_layer(const Builder& b, uint32_t index, Passing in, QueryRows rows) {
  const LayerWeights& w = b.weights().layers[index - b.source.layers.begin];
  const LayerSpec& l = b.layer(index);
  ggml_tensor* normed = norm(b, in.x, w.mixer_norm);
  ggml_tensor* y = mix(b, index, normed, rows);
  if (rows == QueryRows::none) return {};
  ggml_tensor* x = select_rows(b, in.x, rows);
  if (b.arch().parallel) {
    y = ggml_add(b.ctx(), y, layer_feed_forward(b, index, select_rows(b, normed, rows), x));
    b.cut_after_sum(GraphCut::After::feed_forward, index, y);
    return {add_residual(b, x, y), in.per_layer};
  }
  if (y != nullptr) {
    b.cut_after_sum(GraphCut::After::mixer, index, y);
    x = norm(b, add_residual(b, x, norm(b, y, w.mixer_post_norm)), w.after_mixer);
  }
  if (l.feed_forward != FeedForward::none) {
    y = layer_feed_forward(b, index, norm(b, x, w.feed_forward_norm), x);
    b.cut_after_sum(GraphCut::After::feed_forward, index, y);
    x = norm(b, add_residual(b, x, norm(b, y, w.feed_forward_post_norm)), w.after_feed_forward);
  }
  if (in.per_layer != nullptr)
    x = ggml_add(b.ctx(), x, per_layer_input(b, index, x, select_rows(b, in.per_layer, rows)));
  if (w.output_scale != nullptr) x = ggml_mul(b.ctx(), x, w.output_scale);
  return {x, in.per_layer};
}

}  // namespace exogpu::engine
