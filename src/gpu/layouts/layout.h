// The layouts in which a device can hold weights: that of the file, and those into which its kernels pack them again.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "gpu/device.h"

struct ggml_backend_buffer_type;

namespace exogpu::gpu {

struct Layout {
  std::string name;  // as ggml names it: "AMX", "CPU_REPACK", "CPU", "Vulkan0"
  ggml_backend_buffer_type* type = nullptr;
  bool packed = false;  // weights are packed again when they are written, and can only be multiplied
};

// In the order in which ggml prefers them; the last is the plain one.
std::vector<Layout> layouts_of(const Device& device);

// How weights are used. Kernels for one of these may be right and those for another wrong.
enum class WeightShape : uint8_t {
  matrix,      // one matrix, multiplied with rows of activations
  short_rows,  // likewise, with rows of 32 values
  experts,     // several matrices, of which each token has its own
  batch,       // several matrices, each with activations of its own
  rows,        // rows are looked up
};
inline constexpr WeightShape kWeightShapes[] = {WeightShape::matrix, WeightShape::short_rows, WeightShape::experts,
                                                WeightShape::batch, WeightShape::rows};
std::string_view to_string(WeightShape shape);

struct LayoutCase {
  std::string layout;
  std::string type;  // as ggml names it: "q4_K"
  WeightShape shape = WeightShape::matrix;
  auto operator<=>(const LayoutCase&) const = default;
};

// "AMX/q4_K/experts".
std::string to_string(const LayoutCase& which);
// Errors: invalid_argument.
Result<LayoutCase> layout_case(std::string_view text);

// All that a device has for one type and shape.
std::vector<LayoutCase> cases_of(const Device& device, std::string_view type, WeightShape shape);

enum class LayoutState : uint8_t {
  right,
  wrong,        // another result, not finite, an abort, or no end
  unsupported,  // the backend says itself that it cannot
  unknown,      // the check could not be made
};
std::string_view to_string(LayoutState state);
std::optional<LayoutState> layout_state(std::string_view text);

struct LayoutVerdict {
  LayoutState state = LayoutState::unknown;
  std::string reason;  // why it is wrong or unknown
};

}  // namespace exogpu::gpu
