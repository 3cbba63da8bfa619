// Owners of ggml's objects, for destructors that must not throw: a driver that lost its device may.
#pragma once

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml.h>

#include <memory>

namespace exogpu::gpu {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    try {
      Free(object);
    } catch (...) {
      // The device is lost, and the object with it.
    }
  }
};

using ContextOwner = std::unique_ptr<ggml_context, Freer<ggml_free>>;
using BufferOwner = std::unique_ptr<ggml_backend_buffer, Freer<ggml_backend_buffer_free>>;
using BackendOwner = std::unique_ptr<ggml_backend, Freer<ggml_backend_free>>;
using AllocatorOwner = std::unique_ptr<ggml_gallocr, Freer<ggml_gallocr_free>>;

// A context for the descriptions of up to `tensors` tensors, and of a graph of them.
inline ContextOwner make_context(size_t tensors) {
  ggml_init_params params = {.mem_size = ggml_tensor_overhead() * tensors + ggml_graph_overhead_custom(tensors, false),
                             .mem_buffer = nullptr,
                             .no_alloc = true};
  return ContextOwner(ggml_init(params));
}

}  // namespace exogpu::gpu
