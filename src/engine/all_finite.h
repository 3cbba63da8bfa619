// A look at results before they spread.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace exogpu::engine {

// In a form that compilers turn into vector code.
inline bool all_finite(std::span<const float> values) {
  constexpr uint32_t exponent = 0x7F800000;
  bool bad = false;
  for (float v : values) bad |= (std::bit_cast<uint32_t>(v) & exponent) == exponent;
  return !bad;
}

}  // namespace exogpu::engine
