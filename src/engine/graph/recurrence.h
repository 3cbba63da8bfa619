// What recurrent mixers have in common: sequences one after another in a batch, and states that a step moves.
#pragma once

#include <functional>

#include "engine/graph/builder.h"

namespace exogpu::engine {

// The neighbouring slots whose sequences are computed together.
struct TokenGroup {
  const SlotGroup& slots;
  uint32_t first_token;
};

// Calls `compute` for each group of the batch and joins what it returns, [width, tokens of the group].
ggml_tensor* by_group(const Builder& b, const std::function<ggml_tensor*(const TokenGroup&)>& compute);

// The group's tokens of x [width, n], as [width, tokens, slots]; of n heads, [head_dim, heads, tokens, slots].
ggml_tensor* tokens_of(const Builder& b, ggml_tensor* x, const TokenGroup& g);
ggml_tensor* heads_of(const Builder& b, ggml_tensor* x, uint32_t begin, uint32_t head_dim, uint32_t heads);

// The states of the group's slots, as [ne0, ne1, ne2, slots].
ggml_tensor* states_of(const Builder& b, ggml_tensor* states, const TokenGroup& g, int64_t ne0, int64_t ne1,
                       int64_t ne2);
// Makes the values of `from`, which begin at `offset` bytes, the states of the group's slots.
void move_states(const Builder& b, ggml_tensor* states, const TokenGroup& g, ggml_tensor* from, size_t offset);

// Convolves each of the group's sequences [width, tokens, slots] with `kernel` [taps, width], each value with those
// before it; the last inputs become the state.
ggml_tensor* causal_convolution(const Builder& b, ggml_tensor* states, ggml_tensor* kernel, ggml_tensor* x,
                                const TokenGroup& g);

}  // namespace exogpu::engine
