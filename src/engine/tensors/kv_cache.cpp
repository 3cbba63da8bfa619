#include "engine/tensors/kv_cache.h"

#include "base/assert.h"

namespace exogpu::engine {
namespace {

uint32_t round_up(uint32_t n, uint32_t to) { return (n + to - 1) / to * to; }

}  // namespace

ggml_type to_ggml(wire::KvType type) {
  switch (type) {
    case wire::KvType::f32: return GGML_TYPE_F32;
    case wire::KvType::f16: return GGML_TYPE_F16;
    case wire::KvType::q8_0: return GGML_TYPE_Q8_0;
  }
  return GGML_TYPE_F16;
}

KvCache::KvCache(const Architecture& a, wire::LayerRange layers, uint32_t context, uint32_t slots, wire::KvType type,
                 ggml_backend_buffer_type_t home)
    : home_(home), context_(round_up(context, 256)) {
  ctx_.reset(ggml_init(
      {.mem_size = (2 * layers.size() + 1) * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
  int64_t rows = int64_t{context_} * slots;
  auto add = [&](const char* name, uint32_t layer, uint32_t width) {
    own_.push_back(ggml_new_tensor_2d(ctx_.get(), to_ggml(type), width, rows));
    ggml_format_name(own_.back(), "%s.%u", name, layer);
    return own_.back();
  };
  for (uint32_t i = layers.begin; i < layers.end; ++i) {
    const LayerSpec& l = a.layers[i];
    keys_.push_back(nullptr);
    values_.push_back(nullptr);
    if (!l.attends()) continue;
    if (l.kv_layer != i && layers.contains(l.kv_layer)) {
      keys_.back() = keys_[l.kv_layer - layers.begin];
      values_.back() = values_[l.kv_layer - layers.begin];
      continue;
    }
    keys_.back() = add("keys", i, l.k_width());
    const bool within_keys = l.mixer == Mixer::latent_attention && a.latent.absorbed;
    if (!within_keys) values_.back() = add("values", i, l.v_width());
  }
}

Bytes KvCache::bytes() const {
  return own_.empty() ? 0 : ggml_backend_alloc_ctx_tensors_from_buft_size(ctx_.get(), home_);
}

void KvCache::pretend_loaded(bool on) {
  for (ggml_tensor* t : own_) t->data = on ? reinterpret_cast<void*>(uintptr_t{4096}) : nullptr;
}

Result<void> KvCache::load() {
  if (own_.empty()) return {};
  buffer_.reset(ggml_backend_alloc_ctx_tensors_from_buft(ctx_.get(), home_));
  if (buffer_ == nullptr)
    return fail(ErrorCode::out_of_memory, "the KV cache needs {} of {} memory, which could not be allocated",
                format_bytes(bytes()), ggml_backend_buft_name(home_));
  // Rows beyond a sequence's length are masked, but 0 times a NaN left in them would still be a NaN.
  ggml_backend_buffer_clear(buffer_.get(), 0);
  return {};
}

void KvCache::copy(uint32_t from, uint32_t to, uint32_t length) const {
  if (from == to || length == 0) return;
  for (ggml_tensor* all : own_) {
    ggml_context_ptr ctx(ggml_init({.mem_size = 4 * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
    auto rows_of = [&](uint32_t slot) {
      EXO_ASSERT(length <= context_ && int64_t{context_} * (slot + 1) <= all->ne[1], "rows are copied within slots");
      size_t offset = all->nb[1] * context_ * slot;
      ggml_tensor* rows = ggml_view_2d(ctx.get(), all, all->ne[0], length, all->nb[1], offset);
      ggml_backend_view_init(rows);
      return rows;
    };
    ggml_backend_tensor_copy(rows_of(from), rows_of(to));
  }
}

void KvCache::clear(uint32_t slot, uint32_t begin, uint32_t end) const {
  if (begin >= end) return;
  for (ggml_tensor* all : own_) {
    EXO_ASSERT(end <= context_ && int64_t{context_} * (slot + 1) <= all->ne[1], "rows are cleared within their slot");
    ggml_backend_tensor_memset(all, 0, all->nb[1] * (size_t{context_} * slot + begin), all->nb[1] * (end - begin));
  }
}

}  // namespace exogpu::engine
