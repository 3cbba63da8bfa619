// The constraints that a plan may violate where nothing else is possible, and sets of them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace exogpu::placement {

// In the order in which they are given up: a failing link is used rather than memory that a node needs itself.
enum class Soft : uint8_t { power, battery, heat, link, memory };
inline constexpr std::array kSoft = {Soft::power, Soft::battery, Soft::heat, Soft::link, Soft::memory};

// As constraints are named in reasons.
constexpr std::string_view to_string(Soft soft) {
  switch (soft) {
    case Soft::power: return "power";
    case Soft::battery: return "battery";
    case Soft::heat: return "heat";
    case Soft::link: return "failing link";
    case Soft::memory: return "memory pressure";
  }
  return {};
}

// The soft constraints that a plan need not meet.
class GivenUp {
 public:
  static constexpr GivenUp all() {
    GivenUp every;
    for (const Soft soft : kSoft) every = every.with(soft);
    return every;
  }
  constexpr bool has(Soft soft) const { return (bits_ & bit(soft)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr GivenUp with(Soft soft) const { return GivenUp(static_cast<uint8_t>(bits_ | bit(soft))); }
  constexpr GivenUp without(Soft soft) const { return GivenUp(static_cast<uint8_t>(bits_ & ~bit(soft))); }
  constexpr GivenUp() = default;
  friend bool operator==(GivenUp, GivenUp) = default;

 private:
  explicit constexpr GivenUp(uint8_t bits) : bits_(bits) {}
  static constexpr uint8_t bit(Soft soft) { return static_cast<uint8_t>(1U << static_cast<uint8_t>(soft)); }
  uint8_t bits_ = 0;
};

}  // namespace exogpu::placement
