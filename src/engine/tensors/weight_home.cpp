#include "engine/tensors/weight_home.h"

#include <ggml-cpp.h>

#include <optional>

#include "gpu/layouts/conversion.h"

namespace exogpu::engine {

namespace {

constexpr int64_t short_row_max = 63;

// How gpu's checks name such a use; none for weights that no kernel of a layout multiplies.
std::optional<gpu::WeightShape> shape_of(WeightUse use, const std::array<int64_t, 3>& shape) {
  switch (use) {
    case WeightUse::matrix: return shape[0] <= short_row_max ? gpu::WeightShape::short_rows : gpu::WeightShape::matrix;
    case WeightUse::expert_matrix: return gpu::WeightShape::experts;
    case WeightUse::batch: return gpu::WeightShape::batch;
    case WeightUse::rows: return gpu::WeightShape::rows;
    case WeightUse::vector:
    case WeightUse::small: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

WeightMemory::WeightMemory(const gpu::Device& device, gpu::LayoutAim aim)
    : device_(device),
      aim_(aim),
      plain_(ggml_backend_dev_buffer_type(device.handle())),
      layouts_(gpu::layouts_of(device)),
      is_cpu_(ggml_backend_dev_type(device.handle()) == GGML_BACKEND_DEVICE_TYPE_CPU) {}

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
  return ggml_backend_dev_supports_op(device_.handle(), op);
}

ggml_backend_buffer_type_t WeightMemory::packed(WeightUse use, ggml_type type,
                                                const std::array<int64_t, 3>& shape) const {
  if (use != WeightUse::matrix && use != WeightUse::expert_matrix) return nullptr;
  // Unchecked kernels of packed layouts compute such short rows wrongly.
  if (device_.layouts() == nullptr && shape[0] <= short_row_max) return nullptr;
  const std::vector<gpu::Layout> ranked =
      device_.layouts() == nullptr
          ? layouts_
          : device_.layouts()->ranked(device_, ggml_type_name(type), *shape_of(use, shape), aim_);
  for (const gpu::Layout& layout : ranked) {
    if (!layout.packed) return nullptr;
    if (supports_in(layout.type, use, type, shape)) return layout.type;
  }
  return nullptr;
}

std::optional<HeldWeight> WeightMemory::held(WeightUse use, ggml_type type, const std::array<int64_t, 3>& shape) const {
  std::vector<ggml_type> types = gpu::conversions_of(type);
  types.insert(types.begin(), type);
  for (const ggml_type each : types) {
    if (shape[0] % ggml_blck_size(each) != 0) continue;
    if (auto* layout = packed(use, each, shape)) return HeldWeight{each, layout};
    if (supports(use, each, shape)) return HeldWeight{each, plain_};
  }
  return std::nullopt;
}

gpu::LayoutVerdict WeightMemory::plain_verdict(WeightUse use, ggml_type type,
                                               const std::array<int64_t, 3>& shape) const {
  const auto checked = shape_of(use, shape);
  if (device_.layouts() == nullptr || !checked) return {};
  return device_.layouts()->verdict(device_, {layouts_.back().name, ggml_type_name(type), *checked});
}

bool WeightMemory::supports(WeightUse use, ggml_type type, const std::array<int64_t, 3>& shape) const {
  return supports_in(plain_, use, type, shape) && plain_verdict(use, type, shape).state != gpu::LayoutState::wrong;
}

std::string WeightMemory::unsupported_reason(WeightUse use, ggml_type type, const std::array<int64_t, 3>& shape) const {
  const gpu::LayoutVerdict verdict = plain_verdict(use, type, shape);
  return verdict.state == gpu::LayoutState::wrong ? ": its driver computes wrongly, " + verdict.reason : std::string();
}

}  // namespace exogpu::engine
