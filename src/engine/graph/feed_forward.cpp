#include <cmath>

#include "engine/graph/builder.h"

namespace exogpu::engine {
namespace {

// max(0, x - (mean + 1.645 standard deviations)) in each row: the largest twentieth passes.
ggml_tensor* keep_far_above_mean(const Builder& b, ggml_tensor* x) {
  constexpr float deviations = 1.6448533535003662F;  // of the normal distribution's 95th percentile
  ggml_context* ctx = b.ctx();
  x = ggml_cont(ctx, x);
  ggml_tensor* mean = ggml_mean(ctx, x);
  ggml_tensor* squares = ggml_sum_rows(ctx, ggml_sqr(ctx, ggml_sub(ctx, x, mean)));
  ggml_tensor* deviation = ggml_sqrt(ctx, ggml_scale(ctx, squares, 1.0F / static_cast<float>(x->ne[0] - 1)));
  ggml_tensor* bound = ggml_add(ctx, mean, ggml_scale(ctx, deviation, deviations));
  return ggml_relu(ctx, ggml_sub(ctx, x, bound));
}

// One thread multiplies a prompt faster by each part alone: it goes through a quarter of a matrix' rows again and
// again, once for 16 tokens, and a quarter of the joined one is too much for its cache.
bool parts_alone(const Builder& b, const FusedMatrices& m, const ggml_tensor* x) {
  constexpr int64_t tokens_min = 32;
  return m.divisible && b.source.one_thread && x->ne[1] >= tokens_min;
}

}  // namespace

ggml_tensor* gated(const Builder& b, ggml_tensor* gate, ggml_tensor* up, Activation activation) {
  constexpr float steepness = 1.702F;
  constexpr float limit = 7.0F;
  switch (activation) {
    case Activation::gelu: return ggml_geglu_split(b.ctx(), gate, up);
    case Activation::clamped_swiglu: return ggml_swiglu_oai(b.ctx(), gate, up, steepness, limit);
    case Activation::relu_squared:
    case Activation::plain_gelu:
    case Activation::silu: break;
  }
  return ggml_swiglu_split(b.ctx(), gate, up);
}

ggml_tensor* gated(const Builder& b, ggml_tensor* gate_and_up, Activation activation) {
  return activation == Activation::gelu ? ggml_geglu(b.ctx(), gate_and_up) : ggml_swiglu(b.ctx(), gate_and_up);
}

ggml_tensor* dense_feed_forward(const Builder& b, const DenseWeights& w, ggml_tensor* x, Activation activation,
                                bool sparse) {
  const FusedMatrices& m = w.gate_up;
  ggml_tensor* inner = nullptr;
  if (activation == Activation::plain_gelu) {
    inner = ggml_gelu(b.ctx(), multiply(b, m.matrices[0], x));
  } else if (activation == Activation::relu_squared) {
    inner = ggml_sqr(b.ctx(), ggml_relu(b.ctx(), multiply(b, m.matrices[0], x)));
  } else if (sparse) {
    ggml_tensor* first = multiply(b, m.matrices[0], x);
    ggml_tensor* up = part_of(b, m, 1, m.matrices.size() == 1 ? first : multiply(b, m.matrices[1], x));
    inner = gated(b, keep_far_above_mean(b, part_of(b, m, 0, first)), ggml_cont(b.ctx(), up), activation);
  } else if (m.matrices.size() == 1 && !parts_alone(b, m, x)) {
    inner = gated(b, multiply(b, m.matrices[0], x), activation);
  } else {
    const auto product = [&](size_t i) {
      return m.matrices.size() == 1 ? multiply_part(b, m, i, x) : multiply(b, m.matrices[i], x);
    };
    // Up first: the gate's product is then the last before the activation, which backends can fuse with it.
    ggml_tensor* up = product(1);
    b.expand(up);
    inner = gated(b, product(0), up, activation);
  }
  return multiply(b, w.down, inner);
}

}  // namespace exogpu::engine
