#include "engine/sum_hooks.h"

namespace exogpu::engine {

Result<std::optional<gpu::HostBuffer>> SumHooks::staging(const gpu::Device& device, size_t values_max) {
  std::optional<gpu::HostBuffer> memory;
  if (ggml_backend_buft_is_host(ggml_backend_dev_buffer_type(device.handle()))) return memory;
  EXO_TRY(gpu::HostBuffer pinned, gpu::HostBuffer::allocate(device, values_max * sizeof(float)));
  memory.emplace(std::move(pinned));
  return memory;
}

Result<void> SumHooks::after(const Segment& segment) {
  ggml_tensor* sum = segment.sum;
  if (sum == nullptr) return {};
  const auto values = static_cast<size_t>(ggml_nelements(sum));
  if (!staging_) {
    ggml_backend_synchronize(backend_);
    return exchange_.sum({static_cast<float*>(sum->data), values});
  }
  auto* const floats = reinterpret_cast<float*>(staging_->bytes().data());
  ggml_backend_tensor_get_async(backend_, sum, floats, 0, values * sizeof(float));
  ggml_backend_synchronize(backend_);
  EXO_CHECK(exchange_.sum({floats, values}));
  ggml_backend_tensor_set_async(backend_, sum, floats, 0, values * sizeof(float));
  return {};
}

}  // namespace exogpu::engine
