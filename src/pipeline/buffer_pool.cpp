#include "pipeline/buffer_pool.h"

#include <algorithm>
#include <bit>

namespace exogpu::pipeline {

Buffer BufferPool::take(size_t bytes) {
  Block block;
  {
    const MutexLock lock(free_->mutex);
    auto fits = std::ranges::min_element(free_->blocks, {}, [&](const Block& candidate) {
      return candidate.bytes >= bytes ? candidate.bytes : static_cast<size_t>(-1);
    });
    if (fits != free_->blocks.end() && fits->bytes >= bytes) {
      block = std::move(*fits);
      free_->blocks.erase(fits);
    }
  }
  if (!block.memory) {
    block.bytes = std::bit_ceil(std::max<size_t>(bytes, 4096));
    if (allocate_) block.memory = allocate_(block.bytes);
    if (!block.memory) block.memory = std::make_shared_for_overwrite<std::byte[]>(block.bytes);
  }
  std::byte* const begin = block.memory.get();
  const auto give_back = [free = std::weak_ptr(free_), block = std::move(block)](std::byte*) mutable {
    const auto pool = free.lock();
    if (!pool) return;
    const MutexLock lock(pool->mutex);
    if (pool->blocks.size() < kFreeBlocksMax) pool->blocks.push_back(std::move(block));
  };
  return {std::shared_ptr<std::byte[]>(begin, give_back), bytes};
}

}  // namespace exogpu::pipeline
