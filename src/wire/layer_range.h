#pragma once

#include <cstdint>

namespace exogpu::wire {

// Transformer layers [begin, end).
struct LayerRange {
  uint32_t begin = 0;
  uint32_t end = 0;

  uint32_t size() const { return end - begin; }
  bool contains(uint32_t layer) const { return layer >= begin && layer < end; }
  friend bool operator==(const LayerRange&, const LayerRange&) = default;
};

}  // namespace exogpu::wire
