#include <cmath>

#include "engine/graph/builder.h"

namespace exogpu::engine {
namespace {

// What the router sees.
ggml_tensor* router_input(const Builder& b, const ExpertWeights& w, ggml_tensor* x) {
  if (w.router_scale == nullptr) return x;
  const float scale = 1.0F / std::sqrt(static_cast<float>(b.arch().d_model));
  return ggml_mul(b.ctx(), ggml_scale(b.ctx(), rms_norm(b, x), scale), w.router_scale);
}

ggml_tensor* odds_of(const Builder& b, ggml_tensor* scores) {
  switch (b.arch().experts.gating) {
    case Gating::softmax: return ggml_soft_max(b.ctx(), scores);
    case Gating::sigmoid: return ggml_sigmoid(b.ctx(), scores);
    case Gating::softmax_of_chosen: break;
  }
  return scores;
}

// -inf for the experts of all but the best groups. A group is as good as its two best experts together.
ggml_tensor* only_best_groups(const Builder& b, ggml_tensor* odds) {
  const Experts& e = b.arch().experts;
  if (e.groups == 1) return odds;
  ggml_context* ctx = b.ctx();
  const int64_t n = odds->ne[1];
  const int64_t each = e.count / e.groups;
  const int best = each < 2 ? 1 : 2;
  ggml_tensor* grouped = ggml_reshape_3d(ctx, odds, each, e.groups, n);
  ggml_tensor* top = ggml_argsort_top_k(ctx, grouped, best);
  top = ggml_get_rows(ctx, ggml_reshape_4d(ctx, grouped, 1, each, e.groups, n), top);  // [1, 2, groups, n]
  ggml_tensor* sums = ggml_sum_rows(ctx, ggml_reshape_3d(ctx, top, best, e.groups, n));
  sums = ggml_reshape_2d(ctx, sums, e.groups, n);
  ggml_tensor* chosen = ggml_argsort_top_k(ctx, sums, static_cast<int>(e.groups_used));
  ggml_tensor* passed = ggml_get_rows(ctx, grouped, chosen);  // [each, groups_used, n]
  ggml_tensor* none = ggml_fill(ctx, grouped, -INFINITY);
  return ggml_reshape_2d(ctx, ggml_set_rows(ctx, none, passed, chosen), e.count, n);
}

ggml_tensor* normalised(const Builder& b, ggml_tensor* share) {
  // The sum is bounded away from 0, as in the models' own code, so that a half-precision device cannot divide by it.
  ggml_tensor* sum = ggml_clamp(b.ctx(), ggml_sum_rows(b.ctx(), share), 6.103515625e-5F, INFINITY);
  return ggml_div_inplace(b.ctx(), share, sum);
}

}  // namespace

Routing route(const Builder& b, const ExpertWeights& w, ggml_tensor* x) {
  const Experts& e = b.arch().experts;
  ggml_context* ctx = b.ctx();
  const int64_t n = x->ne[1];
  ggml_tensor* odds = odds_of(b, multiply(b, w.router, router_input(b, w, x)));  // [count, n]
  ggml_tensor* candidates = w.choice_bias != nullptr ? ggml_add(ctx, odds, w.choice_bias) : odds;
  Routing r;
  r.chosen = ggml_argsort_top_k(ctx, only_best_groups(b, candidates), static_cast<int>(e.used));
  r.share = ggml_get_rows(ctx, ggml_reshape_3d(ctx, odds, 1, e.count, n), r.chosen);  // [1, used, n]
  r.share = ggml_reshape_2d(ctx, r.share, e.used, n);
  // In place: else the allocator may take the memory of the odds, and a device that makes one operation of all these
  // would write over what it reads, so it makes several.
  if (e.gating == Gating::softmax_of_chosen) r.share = ggml_soft_max_inplace(ctx, r.share);
  if (e.normalised) r.share = normalised(b, r.share);
  r.share = ggml_reshape_3d(ctx, r.share, 1, e.used, n);
  if (e.weight_scale != 1.0F) r.share = ggml_scale(ctx, r.share, e.weight_scale);
  if (w.down_scale != nullptr) {
    ggml_tensor* scales = ggml_reshape_3d(ctx, w.down_scale, 1, e.count, 1);
    scales = ggml_get_rows(ctx, ggml_repeat_4d(ctx, scales, 1, e.count, n, 1), r.chosen);
    r.share = ggml_mul(ctx, r.share, scales);
  }
  b.expand(r.share);
  return r;
}

}  // namespace exogpu::engine
