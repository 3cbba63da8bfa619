// A look at results before they spread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace exogpu::engine {

// Reads the logits of a whole vocabulary between two steps of a GPU, so it must not take long: blocks of a fixed size
// and sums without a comparison become vector code also where compilers are careful (-O2).
inline bool all_finite(std::span<const float> values) {
  constexpr uint32_t exponent = 0x7F800000;
  constexpr uint32_t carry = 0x00800000;  // added to an exponent of ones alone, it reaches the sign's place
  constexpr size_t block = 64;
  uint32_t signs = 0;
  const auto look_at = [&signs](float v) { signs |= (std::bit_cast<uint32_t>(v) & exponent) + carry; };
  while (values.size() >= block) {
    for (size_t i = 0; i < block; ++i) look_at(values[i]);
    values = values.subspan(block);
  }
  for (float v : values) look_at(v);
  return signs >> 31 == 0;
}

}  // namespace exogpu::engine
