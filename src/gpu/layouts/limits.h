// Which types of weights a device cannot compute with, and what becomes of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gpu/layouts/layout.h"

namespace exogpu::gpu {

// How weights that a device cannot compute with as they are can be held there (conversion.h).
struct TypeLimit {
  std::string type;  // as ggml names it: "mxfp4"
  WeightShape shape = WeightShape::matrix;
  std::string held_as;  // the type to which they are converted; empty: the device cannot have such weights
  double growth = 1;    // of the converted weights: bytes for each byte of the file
  friend bool operator==(const TypeLimit&, const TypeLimit&) = default;
};

// Whether the device computes with such weights in one of its layouts, by what its book has found out, and else by what
// its backend says. Computes nothing.
bool computes(const Device& device, const std::string& type, WeightShape shape);

// What becomes of such weights where the device does not compute with them; nothing where it does.
std::optional<TypeLimit> limit_of(const Device& device, const std::string& type, WeightShape shape);

// Of all types that files have, as matrices, matrices of experts, and batches. Rows that are looked up have none: the
// host does that in the device's place. Takes a few milliseconds.
std::vector<TypeLimit> type_limits(const Device& device);

}  // namespace exogpu::gpu
