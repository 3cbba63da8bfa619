#include "gpu/layouts/layout.h"

#include <ggml-backend.h>

#include <algorithm>
#include <array>
#include <utility>

namespace exogpu::gpu {
namespace {

constexpr std::array<std::pair<WeightShape, std::string_view>, 5> kShapeNames = {
    {{WeightShape::matrix, "matrix"},
     {WeightShape::short_rows, "short-rows"},
     {WeightShape::experts, "experts"},
     {WeightShape::batch, "batch"},
     {WeightShape::rows, "rows"}}};
constexpr std::array<std::pair<LayoutState, std::string_view>, 4> kStateNames = {
    {{LayoutState::right, "right"},
     {LayoutState::wrong, "wrong"},
     {LayoutState::unsupported, "unsupported"},
     {LayoutState::unknown, "unknown"}}};

template <typename Names, typename Value>
std::string_view name_in(const Names& names, Value value) {
  for (const auto& [each, name] : names)
    if (each == value) return name;
  return "";
}

template <typename Names>
auto value_in(const Names& names, std::string_view wanted) -> std::optional<decltype(names.front().first)> {
  for (const auto& [each, name] : names)
    if (name == wanted) return each;
  return std::nullopt;
}

}  // namespace

std::vector<Layout> layouts_of(const Device& device) {
  std::vector<Layout> layouts;
  ggml_backend_dev_t handle = device.handle();
  auto extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(handle), "ggml_backend_dev_get_extra_bufts"));
  if (extra != nullptr) {
    for (ggml_backend_buffer_type_t* type = extra(handle); type != nullptr && *type != nullptr; ++type)
      if (!ggml_backend_buft_is_host(*type)) layouts.push_back({ggml_backend_buft_name(*type), *type, true});
  }
  ggml_backend_buffer_type_t plain = ggml_backend_dev_buffer_type(handle);
  layouts.push_back({ggml_backend_buft_name(plain), plain, false});
  return layouts;
}

std::string_view to_string(WeightShape shape) { return name_in(kShapeNames, shape); }
std::string_view to_string(LayoutState state) { return name_in(kStateNames, state); }
std::optional<LayoutState> layout_state(std::string_view text) { return value_in(kStateNames, text); }

std::string to_string(const LayoutCase& which) {
  return std::format("{}/{}/{}", which.layout, which.type, to_string(which.shape));
}

Result<LayoutCase> layout_case(std::string_view text) {
  const size_t last = text.rfind('/');
  const size_t middle =
      last == std::string_view::npos || last == 0 ? std::string_view::npos : text.rfind('/', last - 1);
  if (middle != std::string_view::npos) {
    if (const auto shape = value_in(kShapeNames, text.substr(last + 1)))
      return LayoutCase{.layout = std::string(text.substr(0, middle)),
                        .type = std::string(text.substr(middle + 1, last - middle - 1)),
                        .shape = *shape};
  }
  return fail(ErrorCode::invalid_argument,
              "\"{}\" names no layout, type of weights and shape, as \"CPU/q4_K/matrix\" does", text);
}

std::vector<LayoutCase> cases_of(const Device& device, std::string_view type, WeightShape shape) {
  std::vector<LayoutCase> cases;
  for (const Layout& layout : layouts_of(device))
    if (!layout.packed || shape != WeightShape::rows) cases.push_back({layout.name, std::string(type), shape});
  return cases;
}

}  // namespace exogpu::gpu
