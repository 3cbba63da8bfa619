#include "gpu/layouts/limits.h"

#include <algorithm>

#include "gpu/layouts/book.h"
#include "gpu/layouts/check.h"
#include "gpu/layouts/conversion.h"
#include "gpu/profile/products.h"

namespace exogpu::gpu {
namespace {

constexpr WeightShape kMultiplied[] = {WeightShape::matrix, WeightShape::experts, WeightShape::batch};

bool computes_in(const Device& device, const LayoutCase& which) {
  const LayoutState known =
      device.layouts() == nullptr ? LayoutState::unknown : device.layouts()->verdict(device, which).state;
  return known == LayoutState::unknown ? is_supported(device, which) : known == LayoutState::right;
}

// Those that a file's weights can have.
std::vector<std::string> weight_types() {
  std::vector<std::string> types;
  for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
    const auto type = static_cast<ggml_type>(i);
    const bool readable = type == GGML_TYPE_F32 || ggml_get_type_traits(type)->to_float != nullptr;
    if (readable && ggml_type_size(type) > 0) types.emplace_back(ggml_type_name(type));
  }
  return types;
}

}  // namespace

bool computes(const Device& device, const std::string& type, WeightShape shape) {
  return std::ranges::any_of(cases_of(device, type, shape),
                             [&](const LayoutCase& which) { return computes_in(device, which); });
}

std::optional<TypeLimit> limit_of(const Device& device, const std::string& type, WeightShape shape) {
  if (computes(device, type, shape)) return std::nullopt;
  TypeLimit limit{.type = type, .shape = shape, .held_as = {}};
  const auto from = weight_type(type);
  if (!from) return limit;
  for (const ggml_type to : conversions_of(*from)) {
    if (!computes(device, ggml_type_name(to), shape)) continue;
    limit.held_as = ggml_type_name(to);
    limit.growth = growth_of(*from, to);
    break;
  }
  return limit;
}

std::vector<TypeLimit> type_limits(const Device& device) {
  std::vector<TypeLimit> limits;
  for (const std::string& type : weight_types())
    for (const WeightShape shape : kMultiplied)
      if (auto limit = limit_of(device, type, shape)) limits.push_back(*std::move(limit));
  return limits;
}

}  // namespace exogpu::gpu
