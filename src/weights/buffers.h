// Memory for what arrives, until it is hashed and written.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "base/units.h"

namespace exogpu::weights {

// One thread. Memory is used again, the last that came back first, since that may still be in a processor's cache.
class Buffers {
 public:
  struct Buffer {
    std::unique_ptr<std::byte[]> memory;
    size_t capacity = 0;
    size_t size = 0;
    std::span<std::byte> bytes() const { return {memory.get(), size}; }
  };

  // Keeps at most `kept` bytes that nobody uses.
  explicit Buffers(Bytes kept) : kept_max_(kept) {}

  Buffer take(size_t size) {
    used_ += size;
    while (!free_.empty()) {
      Buffer buffer = std::move(free_.back());
      free_.pop_back();
      kept_ -= buffer.capacity;
      if (buffer.capacity < size) continue;
      buffer.size = size;
      return buffer;
    }
    return {.memory = std::make_unique_for_overwrite<std::byte[]>(size), .capacity = size, .size = size};
  }
  void give_back(Buffer buffer) {
    used_ -= buffer.size;
    if (!buffer.memory || kept_ + buffer.capacity > kept_max_) return;
    kept_ += buffer.capacity;
    free_.push_back(std::move(buffer));
  }
  Bytes used() const { return used_; }

 private:
  const Bytes kept_max_;
  Bytes kept_ = 0;
  Bytes used_ = 0;
  std::vector<Buffer> free_;
};

}  // namespace exogpu::weights
