// How a prompt is cut into chunks that are computed one after another.
//
// The same chunks give the same bits. Other chunks may round differently: always with AMX, whose kernels sum in an
// order that depends on the number of rows; with the other kernels of the CPU only where a chunk is smaller than
// kQueriesAtOnce.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace exogpu::engine {

// The CPU's attention kernels take so many queries at once, are much slower on fewer, and round differently there.
inline constexpr size_t kQueriesAtOnce = 64;

// How many of the `left` tokens come next: about `chunk`, at most `most`, and such that none of the chunks has fewer
// tokens than kernels take at once, unless the prompt itself has.
constexpr size_t prompt_chunk(size_t left, size_t chunk, size_t most) {
  size_t count = std::min(left, std::min(chunk, most));
  if (left < count + kQueriesAtOnce) count = std::min(left, most);
  if (count < left && left - count < kQueriesAtOnce && count > kQueriesAtOnce) count -= kQueriesAtOnce;
  return count;
}

}  // namespace exogpu::engine
