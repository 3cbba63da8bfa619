#include "engine/tensors/recurrent_state.h"

#include "base/assert.h"

namespace exogpu::engine {
namespace {

struct StateSize {
  int64_t inputs = 0;
  int64_t sums = 0;
};

// Elements of one state of the layer.
StateSize state_size(const Architecture& a, const LayerSpec& l) {
  switch (l.mixer) {
    case Mixer::gated_delta:
      return {int64_t{a.delta.taps - 1} * a.delta.conv_width(), int64_t{a.delta.head_dim} * a.delta.v_width()};
    case Mixer::mamba2:
    case Mixer::attention_and_mamba2:
      return {int64_t{a.mamba2.taps - 1} * a.mamba2.conv_width(), int64_t{a.mamba2.inner} * a.mamba2.state};
    case Mixer::short_conv: return {int64_t{a.short_conv_taps - 1} * a.d_model, 0};
    default: return {};
  }
}

}  // namespace

RecurrentState::RecurrentState(const Architecture& a, wire::LayerRange layers, uint32_t rows,
                               ggml_backend_buffer_type_t home)
    : home_(home) {
  ctx_.reset(ggml_init(
      {.mem_size = (2 * layers.size() + 1) * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
  auto add = [&](const char* name, uint32_t layer, int64_t elements) -> ggml_tensor* {
    if (elements == 0) return nullptr;
    own_.push_back(ggml_new_tensor_2d(ctx_.get(), GGML_TYPE_F32, elements, rows));
    ggml_format_name(own_.back(), "%s.%u", name, layer);
    return own_.back();
  };
  for (uint32_t i = layers.begin; i < layers.end; ++i) {
    const StateSize size = state_size(a, a.layers[i]);
    inputs_.push_back(add("inputs", i, size.inputs));
    sums_.push_back(add("sums", i, size.sums));
  }
}

Bytes RecurrentState::bytes() const {
  return empty() ? 0 : ggml_backend_alloc_ctx_tensors_from_buft_size(ctx_.get(), home_);
}

void RecurrentState::pretend_loaded(bool on) {
  for (ggml_tensor* t : own_) t->data = on ? reinterpret_cast<void*>(uintptr_t{4096}) : nullptr;
}

Result<void> RecurrentState::load() {
  if (empty()) return {};
  buffer_.reset(ggml_backend_alloc_ctx_tensors_from_buft(ctx_.get(), home_));
  if (buffer_ == nullptr)
    return fail(ErrorCode::out_of_memory,
                "the states of the sequences need {} of {} memory, which could not be allocated", format_bytes(bytes()),
                ggml_backend_buft_name(home_));
  ggml_backend_buffer_clear(buffer_.get(), 0);
  return {};
}

void RecurrentState::copy(uint32_t from, uint32_t to) const {
  if (from == to) return;
  for (ggml_tensor* all : own_) {
    ggml_context_ptr ctx(ggml_init({.mem_size = 4 * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
    auto row = [&](uint32_t index) {
      EXO_ASSERT(index < all->ne[1], "there are as many states as were planned");
      ggml_tensor* view = ggml_view_1d(ctx.get(), all, all->ne[0], all->nb[1] * index);
      ggml_backend_view_init(view);
      return view;
    };
    ggml_backend_tensor_copy(row(from), row(to));
  }
}

void RecurrentState::clear(uint32_t row) const {
  for (ggml_tensor* all : own_) ggml_backend_tensor_memset(all, 0, all->nb[1] * row, all->nb[1]);
}

}  // namespace exogpu::engine
