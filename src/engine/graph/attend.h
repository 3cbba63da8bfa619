// Softmax attention over cached rows, and what comes before it; for every kind of attention.
#pragma once

#include "engine/graph/builder.h"

namespace exogpu::engine {

// The keys and values that a layer attends to. `values` may be the same tensor: then a value is the beginning of a key.
struct CachedRows {
  ggml_tensor* keys = nullptr;  // [width, rows]
  ggml_tensor* values = nullptr;
};

// [head_dim_k, n_heads, query rows] -> [n_heads * head_dim_v, query rows]. `sinks` may be null.
ggml_tensor* attend_all(const Builder& b, uint32_t index, ggml_tensor* q, const CachedRows& cached, ggml_tensor* sinks,
                        QueryRows rows);

// The inputs of the tokens that attend.
const AttentionInputs& attending(const Builder& b, QueryRows rows);

// [width, n] -> [head_dim, heads, n], without a copy.
ggml_tensor* as_heads(const Builder& b, ggml_tensor* x, uint32_t head_dim, uint32_t heads);

// Rotates each head of x [head_dim, heads, n].
ggml_tensor* rotate(const Builder& b, ggml_tensor* x, const Rope& rope, ggml_tensor* positions);

// Queries times their position's scale, in layers that have one.
ggml_tensor* scale_queries(const Builder& b, uint32_t index, ggml_tensor* q, QueryRows rows);

// Writes x [head_dim, heads, n] into the cache's rows of the batch's tokens.
void store_heads(const Builder& b, ggml_tensor* cache, ggml_tensor* x);

}  // namespace exogpu::engine
