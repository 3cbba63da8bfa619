// Receive buffers for weights, until they are hashed and written.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/units.h"

namespace exogpu::weights {

// One thread. Reuses memory, the most recently returned first, since that may still be in a processor's cache.
class Buffers {
 public:
  struct Buffer {
    std::unique_ptr<std::byte[]> memory;
    size_t capacity = 0;
    size_t size = 0;
    std::span<std::byte> bytes() const { return {memory.get(), size}; }
  };

  // Retains at most `free_max` unused bytes.
  explicit Buffers(Bytes free_max) : free_max_(free_max) {}

  Buffer take(size_t size) {
    used_ += size;
    while (!free_.empty()) {
      Buffer buffer = std::move(free_.back());
      free_.pop_back();
      free_bytes_ -= buffer.capacity;
      if (buffer.capacity < size) continue;
      buffer.size = size;
      return buffer;
    }
    return {.memory = std::make_unique_for_overwrite<std::byte[]>(size), .capacity = size, .size = size};
  }
  void give_back(Buffer buffer) {
    used_ -= buffer.size;
    if (!buffer.memory || free_bytes_ + buffer.capacity > free_max_) return;
    free_bytes_ += buffer.capacity;
    free_.push_back(std::move(buffer));
  }
  Bytes used() const { return used_; }

 private:
  const Bytes free_max_;
  Bytes free_bytes_ = 0;
  Bytes used_ = 0;
  std::vector<Buffer> free_;
};

}  // namespace exogpu::weights
