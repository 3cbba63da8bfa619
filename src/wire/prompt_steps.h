// How a prompt is cut into steps, which those that compute it and those that plan for it must know alike.
#pragma once

#include <cstddef>

namespace exogpu::wire {

// The CPU's attention kernels compute so many queries at once; on fewer they are much slower and round differently.
inline constexpr size_t kQueriesAtOnce = 64;

}  // namespace exogpu::wire
