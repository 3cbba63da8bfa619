// Cuts a prompt into chunks that are computed one after another.
//
// The same chunks give the same bits. Other chunks may round differently: always with AMX, whose kernels sum in an
// order that depends on the number of rows; with the other kernels of the CPU only where a chunk is smaller than
// kQueriesAtOnce.
#pragma once

#include <algorithm>
#include <cstddef>

#include "wire/prompt_steps.h"

namespace exogpu::pipeline {

using wire::kQueriesAtOnce;

// The size of the next chunk of `remaining` tokens: about `chunk`, at most `most`, and such that no chunk has
// fewer than kQueriesAtOnce tokens, unless the prompt has.
constexpr size_t prompt_chunk(size_t remaining, size_t chunk, size_t most) {
  size_t count = std::min(remaining, std::min(chunk, most));
  if (remaining < count + kQueriesAtOnce) count = std::min(remaining, most);
  if (count < remaining && remaining - count < kQueriesAtOnce && count > kQueriesAtOnce) count -= kQueriesAtOnce;
  return count;
}

}  // namespace exogpu::pipeline
