// Random tensors written to a model file.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "model/testing/gguf_writer.h"
#include "tiny_model/weights.h"

namespace exogpu::tiny {

class Tensors {
 public:
  Tensors(model::testing::GgufWriter& file, uint64_t seed, MatrixType matrices)
      : file_(file), noise_(seed), matrices_(matrices) {}

  // [rows, columns], row-major. The products keep the magnitude of what they are given.
  void matrix(std::string_view name, uint64_t rows, uint64_t columns, std::optional<float> scale = {}) {
    add_matrix(name, {columns, rows}, scale.value_or(1 / std::sqrt(static_cast<float>(columns))), matrices_);
  }
  // [experts, rows, columns]
  void expert_matrix(std::string_view name, uint64_t experts, uint64_t rows, uint64_t columns) {
    add_matrix(name, {columns, rows, experts}, 1 / std::sqrt(static_cast<float>(columns)), matrices_);
  }
  // F32 values with mean 0 and this deviation, in any shape. The first dimension is the row's length.
  void values(std::string_view name, std::vector<uint64_t> dims, float deviation) {
    add_matrix(name, std::move(dims), deviation, MatrixType::f32);
  }
  // [size], near `around`
  void vector(std::string_view name, uint64_t size, float around = 1) {
    std::vector<float> values(size);
    for (float& value : values) value = around + 0.1F * noise_.next();
    given(name, values);
  }
  void given(std::string_view name, std::span<const float> values) { given(name, {values.size()}, values); }
  void given(std::string_view name, std::vector<uint64_t> dims, std::span<const float> values) {
    file_.tensor(name, model::TensorType::f32, std::move(dims), encode(values, MatrixType::f32));
  }

 private:
  void add_matrix(std::string_view name, std::vector<uint64_t> dims, float scale, MatrixType type) {
    uint64_t elements = 1;
    for (uint64_t dim : dims) elements *= dim;
    std::vector<float> values(elements);
    for (float& value : values) value = scale * noise_.next();
    file_.tensor(name, tensor_type(type), std::move(dims), encode(values, type));
  }

  model::testing::GgufWriter& file_;
  Noise noise_;
  MatrixType matrices_;
};

}  // namespace exogpu::tiny
