// Strong<T, Tag>: a T without conversions, for ids.
#pragma once

#include <compare>
#include <functional>

namespace exogpu {

template <typename T, typename Tag>
class Strong {
 public:
  constexpr Strong() = default;
  constexpr explicit Strong(T value) : value_(value) {}
  constexpr T value() const { return value_; }
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;

 private:
  T value_{};
};

}  // namespace exogpu

template <typename T, typename Tag>
struct std::hash<exogpu::Strong<T, Tag>> {
  size_t operator()(const exogpu::Strong<T, Tag>& id) const noexcept { return std::hash<T>()(id.value()); }
};
