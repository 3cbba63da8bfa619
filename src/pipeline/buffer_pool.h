// Memory for activations that is used again: a prompt's chunk has megabytes, which are dear to map again for each.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"

namespace exogpu::pipeline {

// Aligned for any element.
class Buffer {
 public:
  Buffer() = default;
  Buffer(std::shared_ptr<std::byte[]> memory, size_t bytes) : memory_(std::move(memory)), bytes_(bytes) {}
  std::span<std::byte> bytes() const { return {memory_.get(), bytes_}; }
  // [bytes / 4]
  std::span<float> floats() const { return {reinterpret_cast<float*>(memory_.get()), bytes_ / sizeof(float)}; }
  const std::shared_ptr<std::byte[]>& owner() const { return memory_; }
  bool empty() const { return bytes_ == 0; }

 private:
  std::shared_ptr<std::byte[]> memory_;
  size_t bytes_ = 0;
};

// Thread-safe. Buffers may outlive the pool.
class BufferPool {
 public:
  // Gives so many bytes, or null when it has none; then ordinary memory is taken.
  using Allocate = std::function<std::shared_ptr<std::byte[]>(size_t)>;

  explicit BufferPool(Allocate allocate = {}) : allocate_(std::move(allocate)), free_(std::make_shared<FreeBlocks>()) {}

  // Its content is whatever was there before.
  Buffer take(size_t bytes);

 private:
  static constexpr size_t kFreeBlocksMax = 16;
  struct Block {
    std::shared_ptr<std::byte[]> memory;
    size_t bytes = 0;
  };
  struct FreeBlocks {
    Mutex mutex;
    std::vector<Block> blocks EXO_GUARDED_BY(mutex);
  };
  Allocate allocate_;
  std::shared_ptr<FreeBlocks> free_;
};

}  // namespace exogpu::pipeline
