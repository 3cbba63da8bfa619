// Chooses the memory of a weight on a device: a packed layout that its kernels prefer, plain device memory, or, on the
// CPU, the file's mapping.
#pragma once

#include <ggml-backend.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "gpu/layouts/book.h"

namespace exogpu::engine {

// `batch`: matrices that multiply a batch each, which packed layouts compute wrongly. `small`: F32 values of any shape
// that are no factor of a matrix product.
enum class WeightUse { matrix, expert_matrix, batch, rows, vector, small };

// How a device holds a weight.
struct HeldWeight {
  ggml_type type = GGML_TYPE_F32;             // that of the file, or the one to which it is converted
  ggml_backend_buffer_type_t home = nullptr;  // a packed layout, or plain memory
};

class WeightMemory {
 public:
  // `device` with its book of layouts, where it has one: then only layouts that compute rightly are chosen, and of
  // those the best for `aim`. Without one, packed ones in ggml's order.
  WeightMemory(const gpu::Device& device, gpu::LayoutAim aim);

  bool is_cpu() const { return is_cpu_; }
  // What packed() chooses from now on serves this.
  void set_aim(gpu::LayoutAim aim) { aim_ = aim; }
  ggml_backend_dev_t device() const { return device_.handle(); }
  ggml_backend_buffer_type_t plain() const { return plain_; }
  // The packed buffer type for a matrix of this type and shape, or null when there is none.
  ggml_backend_buffer_type_t packed(WeightUse use, ggml_type type, const std::array<int64_t, 3>& shape) const;
  // Where such a weight is held: as it is if the device computes with it, else converted to another type, where there
  // is one that it computes with (gpu/layouts/conversion.h).
  std::optional<HeldWeight> held(WeightUse use, ggml_type type, const std::array<int64_t, 3>& shape) const;
  // Whether the device can compute with such a weight in plain memory, and does so rightly as far as is known.
  bool supports(WeightUse use, ggml_type type, const std::array<int64_t, 3>& shape) const;

  // ": its kernels ..." when supports() is false because the device computes wrongly; else empty.
  std::string unsupported_reason(WeightUse use, ggml_type type, const std::array<int64_t, 3>& shape) const;

 private:
  bool supports_in(ggml_backend_buffer_type_t home, WeightUse use, ggml_type type,
                   const std::array<int64_t, 3>& shape) const;

  gpu::LayoutVerdict plain_verdict(WeightUse use, ggml_type type, const std::array<int64_t, 3>& shape) const;

  gpu::Device device_;
  gpu::LayoutAim aim_;
  ggml_backend_buffer_type_t plain_;
  std::vector<gpu::Layout> layouts_;
  bool is_cpu_;
};

}  // namespace exogpu::engine
