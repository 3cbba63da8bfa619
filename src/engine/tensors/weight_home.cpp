#include "engine/tensors/weight_home.h"

#include <ggml-cpp.h>

namespace exogpu::engine {

WeightMemory::WeightMemory(ggml_backend_dev_t device)
    : device_(device),
      plain_(ggml_backend_dev_buffer_type(device)),
      is_cpu_(ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_CPU) {
  auto* registry = ggml_backend_dev_backend_reg(device);
  auto get_extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(registry, "ggml_backend_dev_get_extra_bufts"));
  if (get_extra == nullptr) return;
  for (auto* home = get_extra(device); home != nullptr && *home != nullptr; ++home) extra_.push_back(*home);
}

bool WeightMemory::supports_in(ggml_backend_buffer_type_t home, WeightUse use, ggml_type type,
                               const std::array<int64_t, 3>& shape) const {
  ggml_context_ptr ctx(ggml_init({.mem_size = 8 * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
  ggml_tensor* weight = ggml_new_tensor_3d(ctx.get(), type, shape[0], shape[1], shape[2]);
  ggml_tensor* op = nullptr;
  switch (use) {
    case WeightUse::matrix:
      op = ggml_mul_mat(ctx.get(), weight, ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, shape[0], 512));
      break;
    case WeightUse::expert_matrix: {
      ggml_tensor* x = ggml_new_tensor_3d(ctx.get(), GGML_TYPE_F32, shape[0], 1, 512);
      ggml_tensor* chosen = ggml_new_tensor_2d(ctx.get(), GGML_TYPE_I32, 1, 512);
      op = ggml_mul_mat_id(ctx.get(), weight, x, chosen);
      break;
    }
    case WeightUse::rows:
      op = ggml_get_rows(ctx.get(), weight, ggml_new_tensor_1d(ctx.get(), GGML_TYPE_I32, 512));
      break;
    case WeightUse::batch:
      op = ggml_mul_mat(ctx.get(), weight, ggml_new_tensor_3d(ctx.get(), GGML_TYPE_F32, shape[0], 512, shape[2]));
      break;
    case WeightUse::vector:
      op = ggml_mul(ctx.get(), ggml_new_tensor_2d(ctx.get(), GGML_TYPE_F32, shape[0], 512), weight);
      break;
    case WeightUse::small: return true;
  }
  // An empty buffer shows the backend where the weight would be.
  ggml_backend_buffer_ptr buffer(ggml_backend_buft_alloc_buffer(home, 0));
  weight->buffer = buffer.get();
  return ggml_backend_dev_supports_op(device_, op);
}

ggml_backend_buffer_type_t WeightMemory::packed(WeightUse use, ggml_type type,
                                                const std::array<int64_t, 3>& shape) const {
  if (use != WeightUse::matrix && use != WeightUse::expert_matrix) return nullptr;
  // The kernels of packed layouts compute such short rows wrongly.
  constexpr int64_t packed_row_min = 64;
  if (shape[0] < packed_row_min) return nullptr;
  for (auto* home : extra_)
    if (!ggml_backend_buft_is_host(home) && supports_in(home, use, type, shape)) return home;
  return nullptr;
}

bool WeightMemory::supports(WeightUse use, ggml_type type, const std::array<int64_t, 3>& shape) const {
  return supports_in(plain_, use, type, shape);
}

}  // namespace exogpu::engine
