#include "base/memory_hint.h"

#include <cstdint>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace exogpu {

void prefer_huge_pages([[maybe_unused]] void* begin, [[maybe_unused]] size_t bytes) {
#ifdef __linux__
  constexpr uintptr_t huge = uintptr_t{2} << 20;
  auto from = (reinterpret_cast<uintptr_t>(begin) + huge - 1) & ~(huge - 1);
  auto to = (reinterpret_cast<uintptr_t>(begin) + bytes) & ~(huge - 1);
  if (to > from) madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);
#endif
}

}  // namespace exogpu
