#include "engine/graph/recurrence.h"

namespace exogpu::engine {

ggml_tensor* by_group(const Builder& b, const std::function<ggml_tensor*(const TokenGroup&)>& compute) {
  std::vector<ggml_tensor*> parts;
  uint32_t first_token = 0;
  for (const SlotGroup& g : b.graph.shape.groups) {
    parts.push_back(compute({g, first_token}));
    first_token += g.all_tokens();
  }
  return join_tokens(b, parts);
}

ggml_tensor* tokens_of(const Builder& b, ggml_tensor* x, const TokenGroup& g) {
  return ggml_view_3d(b.ctx(), x, x->ne[0], g.slots.tokens, g.slots.slots, x->nb[1], x->nb[1] * g.slots.tokens,
                      x->nb[1] * g.first_token);
}

ggml_tensor* heads_of(const Builder& b, ggml_tensor* x, uint32_t begin, uint32_t head_dim, uint32_t heads) {
  const size_t element = ggml_element_size(x);
  return ggml_view_4d(b.ctx(), x, head_dim, heads, x->ne[1], x->ne[2], head_dim * element, x->nb[1], x->nb[2],
                      begin * element);
}

ggml_tensor* states_of(const Builder& b, ggml_tensor* states, const TokenGroup& g, int64_t ne0, int64_t ne1,
                       int64_t ne2) {
  const size_t element = ggml_element_size(states);
  return ggml_view_4d(b.ctx(), states, ne0, ne1, ne2, g.slots.slots, ne0 * element, ne0 * ne1 * element, states->nb[1],
                      states->nb[1] * g.slots.first_state);
}

void move_states(const Builder& b, ggml_tensor* states, const TokenGroup& g, ggml_tensor* from, size_t offset) {
  ggml_tensor* fresh =
      ggml_view_2d(b.ctx(), from, states->ne[0], g.slots.slots, states->ne[0] * ggml_element_size(from), offset);
  ggml_tensor* kept =
      ggml_view_2d(b.ctx(), states, states->ne[0], g.slots.slots, states->nb[1], states->nb[1] * g.slots.first_state);
  b.expand(ggml_cpy(b.ctx(), fresh, kept));
}

ggml_tensor* causal_convolution(const Builder& b, ggml_tensor* states, ggml_tensor* kernel, ggml_tensor* x,
                                const TokenGroup& g) {
  const int64_t before = kernel->ne[0] - 1;
  ggml_tensor* earlier =
      ggml_view_3d(b.ctx(), states, before, x->ne[0], g.slots.slots, before * ggml_element_size(states), states->nb[1],
                   states->nb[1] * g.slots.first_state);
  ggml_tensor* all = ggml_concat(b.ctx(), earlier, ggml_transpose(b.ctx(), x), 0);  // [before + tokens, width, slots]
  ggml_tensor* last =
      ggml_view_3d(b.ctx(), all, before, x->ne[0], g.slots.slots, all->nb[1], all->nb[2], g.slots.tokens * all->nb[0]);
  b.expand(ggml_cpy(b.ctx(), last, earlier));
  return ggml_ssm_conv(b.ctx(), all, kernel);
}

}  // namespace exogpu::engine
