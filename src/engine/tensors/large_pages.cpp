#include "engine/tensors/large_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace exogpu::engine {

void prefer_large_pages(ggml_backend_buffer_t buffer) {
  auto* const base = static_cast<std::byte*>(ggml_backend_buffer_get_base(buffer));
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t before = (page - reinterpret_cast<uintptr_t>(base) % page) % page;  // up to the first whole page
  const size_t size = ggml_backend_buffer_get_size(buffer);
  if (size < before + page) return;
  madvise(base + before, (size - before) / page * page, MADV_HUGEPAGE);
}

}  // namespace exogpu::engine
