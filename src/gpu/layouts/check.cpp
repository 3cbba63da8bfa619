#include "gpu/layouts/check.h"

#include <ggml.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "gpu/guard.h"
#include "gpu/owned.h"
#include "gpu/profile/products.h"

namespace exogpu::gpu {
namespace {

// Rows of one long block of the K types twice, and a number of rows that fills the tiles of all kernels and is no power
// of two.
constexpr int64_t kLongRow = 512;
constexpr int64_t kShortRow = 32;
constexpr int64_t kRows = 96;
constexpr int64_t kMatrices = 3;
// One token, a few for the kernels between, and more than a tile.
constexpr int64_t kTokens[] = {1, 5, 40};

// Kernels may round activations as the type's own have them: to blocks of 8 bits beside quantised weights, to 16 bits
// beside others.
double limit_of(ggml_type type) {
  if (ggml_is_quantized(type)) return 5e-4;
  return type == GGML_TYPE_BF16 ? 1e-5 : 1e-6;
}

std::vector<float> random_values(size_t count, uint32_t seed) {
  std::minstd_rand random(seed);
  std::uniform_real_distribution<float> value(-1, 1);
  std::vector<float> values(count);
  std::ranges::generate(values, [&] { return value(random); });
  return values;
}

struct WeightValues {
  std::vector<std::byte> bytes;  // as a file has them
  std::vector<float> exact;      // what they stand for
};

WeightValues weights_of(ggml_type type, int64_t row, int64_t rows) {
  const std::vector<float> wanted = random_values(static_cast<size_t>(row * rows), 7);
  const std::vector<float> importance(static_cast<size_t>(row), 1.0F);
  WeightValues weights{.bytes = std::vector<std::byte>(ggml_row_size(type, row) * static_cast<size_t>(rows)),
                       .exact = std::vector<float>(wanted.size())};
  if (type == GGML_TYPE_F32) {
    std::memcpy(weights.bytes.data(), wanted.data(), weights.bytes.size());
    weights.exact = wanted;
    return weights;
  }
  ggml_quantize_chunk(type, wanted.data(), weights.bytes.data(), 0, rows, row, importance.data());
  for (int64_t i = 0; i < rows; ++i)
    ggml_get_type_traits(type)->to_float(weights.bytes.data() + ggml_row_size(type, row) * static_cast<size_t>(i),
                                         weights.exact.data() + row * i, row);
  return weights;
}

double product(const float* weights, const float* activations, int64_t length) {
  double sum = 0;
  for (int64_t i = 0; i < length; ++i) sum += double{weights[i]} * double{activations[i]};
  return sum;
}

int64_t row_of(WeightShape shape) { return shape == WeightShape::short_rows ? kShortRow : kLongRow; }

// One operation with weights of a shape, for a number of tokens.
struct Operation {
  WeightShape shape = WeightShape::matrix;
  ggml_type type = GGML_TYPE_F32;
  int64_t tokens = 1;
  int64_t row = kLongRow;
  int64_t matrices = 1;
  ContextOwner context;
  ggml_tensor* weight = nullptr;
  ggml_tensor* activations = nullptr;  // null: rows are looked up
  ggml_tensor* chosen = nullptr;       // numbers of rows or of matrices
  ggml_tensor* result = nullptr;

  static Operation make(WeightShape shape, ggml_type type, int64_t tokens) {
    Operation op{.shape = shape,
                 .type = type,
                 .tokens = tokens,
                 .row = row_of(shape),
                 .matrices = shape == WeightShape::experts || shape == WeightShape::batch ? kMatrices : 1,
                 .context = make_context(16),
                 .weight = nullptr,
                 .activations = nullptr,
                 .chosen = nullptr,
                 .result = nullptr};
    ggml_context* c = op.context.get();
    op.weight = ggml_new_tensor_3d(c, type, op.row, kRows, op.matrices);
    if (shape == WeightShape::rows) {
      op.chosen = ggml_new_tensor_1d(c, GGML_TYPE_I32, tokens);
      op.result = ggml_get_rows(c, op.weight, op.chosen);
    } else if (shape == WeightShape::experts) {
      op.activations = ggml_new_tensor_3d(c, GGML_TYPE_F32, op.row, 1, tokens);
      op.chosen = ggml_new_tensor_2d(c, GGML_TYPE_I32, 2, tokens);
      op.result = ggml_mul_mat_id(c, op.weight, op.activations, op.chosen);
    } else {
      const int64_t batches = shape == WeightShape::batch ? kMatrices : 1;
      op.activations = ggml_new_tensor_3d(c, GGML_TYPE_F32, op.row, tokens, batches);
      op.result = ggml_mul_mat(c, op.weight, op.activations);
      if (!ggml_is_quantized(type)) ggml_prec_set_acc(op.result, GGML_PREC_F32);
    }
    return op;
  }

  // Which row or matrix the i-th choice takes; two of one token differ.
  int32_t choice(int64_t i) const {
    const int64_t of = shape == WeightShape::rows ? kRows : kMatrices;
    return static_cast<int32_t>((i * 5 + i / 2) % of);
  }

  std::vector<double> expected(const WeightValues& weights, const std::vector<float>& x) const {
    std::vector<double> values;
    if (shape == WeightShape::rows) {
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t i = 0; i < row; ++i) values.push_back(weights.exact[static_cast<size_t>(choice(t) * row + i)]);
      return values;
    }
    // One column of results for each token, or for each choice of a token, or for each token of a matrix.
    const int64_t columns = shape == WeightShape::experts ? 2 * tokens : tokens * matrices;
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t matrix = shape == WeightShape::experts ? choice(c) : shape == WeightShape::batch ? c / tokens : 0;
      const int64_t from = shape == WeightShape::experts ? c / 2 : c;
      for (int64_t r = 0; r < kRows; ++r)
        values.push_back(product(&weights.exact[static_cast<size_t>((matrix * kRows + r) * row)],
                                 &x[static_cast<size_t>(from * row)], row));
    }
    return values;
  }
};

bool supported(const Device& device, const Layout& layout, Operation& op) {
  // An empty buffer shows the backend where the weight would be.
  const BufferOwner empty(ggml_backend_buft_alloc_buffer(layout.type, 0));
  op.weight->buffer = empty.get();
  const bool can = empty != nullptr && ggml_backend_dev_supports_op(device.handle(), op.result);
  op.weight->buffer = nullptr;
  return can;
}

LayoutVerdict unknown(std::string reason) { return {LayoutState::unknown, std::move(reason)}; }

// Computes with weights in their layout and everything else in plain memory.
LayoutVerdict compute(const Layout& layout, ggml_backend_t backend, Operation& op, const WeightValues& weights) {
  const BufferOwner home(
      ggml_backend_buft_alloc_buffer(layout.type, ggml_backend_buft_get_alloc_size(layout.type, op.weight)));
  if (home == nullptr) return unknown("no memory for the weights");
  ggml_backend_buffer_set_usage(home.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
  ggml_backend_tensor_alloc(home.get(), op.weight, ggml_backend_buffer_get_base(home.get()));
  ggml_cgraph* graph = ggml_new_graph_custom(op.context.get(), 16, false);
  for (ggml_tensor* input : {op.activations, op.chosen})
    if (input != nullptr) ggml_set_input(input);
  ggml_set_output(op.result);
  ggml_build_forward_expand(graph, op.result);
  const AllocatorOwner allocator(ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend)));
  if (!ggml_gallocr_alloc_graph(allocator.get(), graph)) return unknown("no memory for the activations");

  ggml_backend_tensor_set(op.weight, weights.bytes.data(), 0, weights.bytes.size());
  std::vector<float> x;
  if (op.activations != nullptr) {
    x = random_values(static_cast<size_t>(ggml_nelements(op.activations)), 11);
    ggml_backend_tensor_set(op.activations, x.data(), 0, x.size() * sizeof(float));
  }
  if (op.chosen != nullptr) {
    std::vector<int32_t> chosen;
    for (int64_t i = 0; i < ggml_nelements(op.chosen); ++i) chosen.push_back(op.choice(i));
    ggml_backend_tensor_set(op.chosen, chosen.data(), 0, chosen.size() * sizeof(int32_t));
  }
  if (const ggml_status status = ggml_backend_graph_compute(backend, graph); status != GGML_STATUS_SUCCESS)
    return {LayoutState::wrong, std::format("computing failed with ggml's status {}", static_cast<int>(status))};
  std::vector<float> got(static_cast<size_t>(ggml_nelements(op.result)));
  ggml_backend_tensor_get(op.result, got.data(), 0, got.size() * sizeof(float));
  return compare(op.expected(weights, x), got, limit_of(op.type));
}

}  // namespace

LayoutVerdict compare(const std::vector<double>& expected, const std::vector<float>& got, double limit) {
  if (expected.size() != got.size()) return {LayoutState::wrong, "another number of results than expected"};
  double difference = 0;
  double size = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) return {LayoutState::wrong, "gives values that are not finite"};
    difference += (got[i] - expected[i]) * (got[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  const double error = difference / std::max(size, 1e-30);
  if (error <= limit) return {LayoutState::right, ""};
  return {LayoutState::wrong, std::format("differs by {:.2g} of the result, and at most {:.2g} is rounding",
                                          std::sqrt(error), std::sqrt(limit))};
}

bool is_supported(const Device& device, const LayoutCase& which) {
  const std::optional<ggml_type> type = weight_type(which.type);
  const std::vector<Layout> layouts = layouts_of(device);
  const auto layout = std::ranges::find(layouts, which.layout, &Layout::name);
  if (!type || layout == layouts.end() || ggml_blck_size(*type) > row_of(which.shape)) return false;
  return std::ranges::all_of(kTokens, [&](int64_t tokens) {
    Operation op = Operation::make(which.shape, *type, tokens);
    return supported(device, *layout, op);
  });
}

LayoutVerdict check_layout(const Device& device, const LayoutCase& which, const std::function<void()>& prepared) {
  const std::optional<ggml_type> type = weight_type(which.type);
  const std::vector<Layout> layouts = layouts_of(device);
  const auto layout = std::ranges::find(layouts, which.layout, &Layout::name);
  if (!type || layout == layouts.end()) return unknown("this device has no such layout or type of weights");
  if (ggml_blck_size(*type) > row_of(which.shape)) return {LayoutState::unsupported, ""};
  auto verdict = guarded(device, "checking its kernels", [&]() -> LayoutVerdict {
    const BackendOwner backend(ggml_backend_dev_init(device.handle(), nullptr));
    if (backend == nullptr) return unknown("the device cannot be opened" + ggml_reason());
    std::optional<WeightValues> weights;
    for (const int64_t tokens : kTokens) {
      Operation op = Operation::make(which.shape, *type, tokens);
      if (!supported(device, *layout, op)) return {LayoutState::unsupported, ""};
      if (!weights) {
        weights = weights_of(*type, op.row, kRows * op.matrices);
        if (prepared) prepared();
      }
      LayoutVerdict one = compute(*layout, backend.get(), op, *weights);
      if (one.state == LayoutState::right) continue;
      one.reason = std::format("{} ({} {})", one.reason, tokens, tokens == 1 ? "token" : "tokens");
      return one;
    }
    return {LayoutState::right, ""};
  });
  if (!verdict) return {LayoutState::wrong, verdict.error().message};
  return *std::move(verdict);
}

}  // namespace exogpu::gpu
