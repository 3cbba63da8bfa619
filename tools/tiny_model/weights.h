// Random tensors that come out the same on every machine: whole-number arithmetic up to the last step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/tensor_type.h"
#include "tiny_model/tiny_model.h"

namespace exogpu::tiny {

class Noise {
 public:
  explicit Noise(uint64_t seed) : state_(seed) {}
  // Mean 0, variance 1, within ±3.5: a sum of four even distributions.
  float next();

 private:
  uint64_t state_;
};

model::TensorType tensor_type(MatrixType type);
// `values` in that type; for quantised ones their number is a multiple of 32.
std::vector<std::byte> encode(std::span<const float> values, MatrixType type);

}  // namespace exogpu::tiny
