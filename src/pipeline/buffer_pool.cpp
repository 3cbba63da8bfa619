#include "pipeline/buffer_pool.h"

#include <algorithm>
#include <bit>

namespace exogpu::pipeline {

Buffer BufferPool::take(size_t bytes) {
  Block block;
  {
    const std::lock_guard lock(kept_->mutex);
    auto fits = std::ranges::min_element(kept_->blocks, {}, [&](const Block& kept) {
      return kept.bytes >= bytes ? kept.bytes : static_cast<size_t>(-1);
    });
    if (fits != kept_->blocks.end() && fits->bytes >= bytes) {
      block = std::move(*fits);
      kept_->blocks.erase(fits);
    }
  }
  if (!block.memory) {
    block.bytes = std::bit_ceil(std::max<size_t>(bytes, 4096));
    block.memory = std::make_unique_for_overwrite<std::byte[]>(block.bytes);
  }
  const size_t size = block.bytes;
  std::shared_ptr<std::byte[]> memory(block.memory.release(),
                                      [kept = std::weak_ptr(kept_), size](std::byte* bytes_done) {
                                        std::unique_ptr<std::byte[]> back(bytes_done);
                                        const auto pool = kept.lock();
                                        if (!pool) return;
                                        const std::lock_guard lock(pool->mutex);
                                        if (pool->blocks.size() < kKeptMax)
                                          pool->blocks.push_back({std::move(back), size});
                                      });
  return {std::move(memory), bytes};
}

}  // namespace exogpu::pipeline
