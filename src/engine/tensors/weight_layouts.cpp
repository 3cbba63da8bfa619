#include "engine/tensors/weight_layouts.h"

#include <ggml.h>

#include <map>
#include <set>

#include "gpu/layouts/conversion.h"
#include "gpu/layouts/limits.h"
#include "gpu/profile/products.h"
#include "model/shard_tensors.h"

namespace exogpu::engine {
namespace {

using gpu::WeightShape;

// Less of a type is read so fast that nobody notices the layout.
constexpr Bytes kWorthMeasuring = 64 * MiB;
constexpr uint64_t kShortRowMost = 63;

bool of_layers(const model::TensorInfo& tensor, wire::LayerRange layers) {
  const auto layer = model::layer_of(tensor.name);
  return !layer || layers.contains(*layer);
}

std::set<WeightShape> shapes_of(const model::TensorInfo& tensor) {
  if (tensor.dims[1] == 1 && tensor.dims[2] == 1) return {};
  if (tensor.name.contains("_exps.")) return {WeightShape::experts};
  if (tensor.dims[2] > 1) return {WeightShape::batch};
  std::set<WeightShape> shapes = {tensor.dims[0] <= kShortRowMost ? WeightShape::short_rows : WeightShape::matrix};
  if (tensor.name.contains("embd.")) shapes.insert(WeightShape::rows);
  return shapes;
}

std::string type_name(const model::TensorInfo& tensor) { return ggml_type_name(static_cast<ggml_type>(tensor.type)); }

// Those of the types to which weights are converted that no layout of the device computes.
std::vector<gpu::LayoutCase> conversion_cases(std::span<const gpu::LayoutCase> cases, const gpu::Device& device) {
  std::set<gpu::LayoutCase> more;
  for (const gpu::LayoutCase& which : cases) {
    const auto type = gpu::weight_type(which.type);
    if (!type || gpu::computes(device, which.type, which.shape)) continue;
    for (const ggml_type to : gpu::conversions_of(*type))
      for (gpu::LayoutCase& each : gpu::cases_of(device, ggml_type_name(to), which.shape)) more.insert(std::move(each));
  }
  return {more.begin(), more.end()};
}

}  // namespace

std::vector<gpu::LayoutCase> layout_cases(const model::Gguf& file, wire::LayerRange layers, const gpu::Device& device) {
  std::set<gpu::LayoutCase> cases;
  for (const model::TensorInfo& tensor : file.tensors())
    if (of_layers(tensor, layers))
      for (const WeightShape shape : shapes_of(tensor))
        for (gpu::LayoutCase& which : gpu::cases_of(device, type_name(tensor), shape)) cases.insert(std::move(which));
  return {cases.begin(), cases.end()};
}

// One sequence at a time reads all weights for each token; many prompts, or many sequences at once, share a read.
gpu::LayoutAim layout_aim(wire::Objective objective) {
  switch (objective) {
    case wire::Objective::latency:
    case wire::Objective::efficiency: return gpu::LayoutAim::answers;
    case wire::Objective::first_token: return gpu::LayoutAim::prompts;
    case wire::Objective::throughput: return gpu::LayoutAim::both;
  }
  return gpu::LayoutAim::answers;
}

bool worth_two_layouts(const model::Gguf& file, const gpu::Device& device) {
  constexpr Bytes share = 8;  // of the device's memory
  return device.layouts() != nullptr && device.info().kind == gpu::DeviceKind::cpu &&
         share * file.file_bytes() <= device.memory().total;
}

std::vector<wire::WeightKind> weight_kinds(const model::Gguf& file) {
  std::map<std::pair<std::string, WeightShape>, Bytes> bytes;
  for (const model::TensorInfo& tensor : file.tensors()) {
    for (WeightShape shape : shapes_of(tensor)) {
      if (shape == WeightShape::rows) continue;
      if (shape == WeightShape::short_rows) shape = WeightShape::matrix;
      bytes[{type_name(tensor), shape}] += tensor.bytes;
    }
  }
  std::vector<wire::WeightKind> kinds;
  for (const auto& [kind, size] : bytes)
    kinds.push_back({.type = kind.first, .use = std::string(to_string(kind.second)), .bytes = size});
  return kinds;
}

void learn_layouts(const model::Gguf& file, wire::LayerRange layers, const gpu::Device& device) {
  gpu::LayoutBook& book = *device.layouts();
  const std::vector<gpu::LayoutCase> cases = layout_cases(file, layers, device);
  (void)book.check(device, cases);
  (void)book.check(device, conversion_cases(cases, device));
  std::map<std::string, Bytes> bytes;
  for (const model::TensorInfo& tensor : file.tensors())
    if (of_layers(tensor, layers)) bytes[type_name(tensor)] += tensor.bytes;
  for (const auto& [type, size] : bytes)
    if (size >= kWorthMeasuring) (void)book.measure(device, type);
}

}  // namespace exogpu::engine
