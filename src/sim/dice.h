// Random numbers of one run: all from its seed, in the order in which they are asked for.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/rng.h"

namespace exogpu::sim {

class Dice {
 public:
  explicit Dice(uint64_t seed) : seed_(seed) {}
  uint64_t bits() { return random_bits(seed_, position_++); }
  double unit() { return random_unit(seed_, position_++); }  // in [0, 1)
  bool chance(double probability) { return probability > 0 && unit() < probability; }
  uint64_t below(uint64_t count) { return static_cast<uint64_t>(unit() * static_cast<double>(count)); }
  double between(double low, double high) { return low + (high - low) * unit(); }
  double exponential(double mean) { return -mean * std::log(1 - unit()); }

 private:
  uint64_t seed_;
  uint64_t position_ = 0;
};

}  // namespace exogpu::sim
