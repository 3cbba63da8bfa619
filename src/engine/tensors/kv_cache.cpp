#include "engine/tensors/kv_cache.h"

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "base/assert.h"

namespace exogpu::engine {
namespace {

// Copies rows that do not overlap.
void copy_apart(ggml_tensor* all, uint64_t from, uint64_t to, uint64_t count) {
  ggml_context_ptr ctx(ggml_init({.mem_size = 4 * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
  auto rows_at = [&](uint64_t begin) {
    EXO_ASSERT(begin + count <= static_cast<uint64_t>(all->ne[1]), "rows are copied within the cache");
    ggml_tensor* rows =
        ggml_view_2d(ctx.get(), all, all->ne[0], static_cast<int64_t>(count), all->nb[1], all->nb[1] * begin);
    ggml_backend_view_init(rows);
    return rows;
  };
  ggml_backend_tensor_copy(rows_at(from), rows_at(to));
}

}  // namespace

ggml_type to_ggml(wire::KvType type) {
  switch (type) {
    case wire::KvType::f32: return GGML_TYPE_F32;
    case wire::KvType::f16: return GGML_TYPE_F16;
    case wire::KvType::q8_0: return GGML_TYPE_Q8_0;
  }
  return GGML_TYPE_F16;
}

KvCache::KvCache(const Architecture& a, wire::LayerRange layers, uint64_t rows, wire::KvType type,
                 ggml_backend_buffer_type_t home)
    : home_(home), rows_(rows) {
  ctx_.reset(ggml_init(
      {.mem_size = (2 * layers.size() + 1) * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
  auto add = [&](const char* name, uint32_t layer, uint32_t width) {
    own_.push_back(ggml_new_tensor_2d(ctx_.get(), to_ggml(type), width, static_cast<int64_t>(rows)));
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

void KvCache::copy(const RowMove& move) const {
  for (ggml_tensor* all : own_)
    for_parts_apart(move, [all](const RowMove& part) { copy_apart(all, part.from, part.to, part.count); });
}

std::vector<std::byte> KvCache::read(uint64_t begin, uint64_t count) const {
  std::vector<std::byte> contents;
  for (ggml_tensor* all : own_) {
    const size_t bytes = all->nb[1] * count;
    contents.resize(contents.size() + bytes);
    ggml_backend_tensor_get(all, contents.data() + contents.size() - bytes, all->nb[1] * begin, bytes);
  }
  return contents;
}

void KvCache::write(uint64_t begin, uint64_t count, std::span<const std::byte> contents) const {
  for (ggml_tensor* all : own_) {
    const size_t bytes = all->nb[1] * count;
    ggml_backend_tensor_set(all, contents.data(), all->nb[1] * begin, bytes);
    contents = contents.subspan(bytes);
  }
}

void KvCache::clear(uint64_t begin, uint64_t end) const {
  if (begin >= end) return;
  for (ggml_tensor* all : own_) {
    EXO_ASSERT(end <= static_cast<uint64_t>(all->ne[1]), "rows are cleared within the cache");
    ggml_backend_tensor_memset(all, 0, all->nb[1] * begin, all->nb[1] * (end - begin));
  }
}

Bytes KvCache::release(uint64_t begin, uint64_t end) const {
  Bytes released = 0;
#ifdef __linux__
  // Its memory is anonymous and this process's alone, whose pages read as zeros after they are given back.
  if (home_ != ggml_backend_cpu_buffer_type()) return 0;
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  for (ggml_tensor* all : own_) {
    EXO_ASSERT(begin <= end && end <= static_cast<uint64_t>(all->ne[1]), "rows are released within the cache");
    const auto data = reinterpret_cast<uintptr_t>(all->data);
    const uintptr_t first = (data + all->nb[1] * begin + page - 1) / page * page;
    const uintptr_t last = (data + all->nb[1] * end) / page * page;
    if (first < last && madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED) == 0)
      released += last - first;
  }
#endif
  return released;
}

}  // namespace exogpu::engine
