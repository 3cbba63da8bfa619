#include "gpu/profile/products.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <string>

#include "gpu/guard.h"
#include "gpu/owned.h"

namespace exogpu::gpu {
namespace {

// The type of buffer in which the device multiplies weights of this type fastest: one that packs them again for its
// kernels when it has one that takes them, else its ordinary one.
ggml_backend_buffer_type_t weight_buffer_type(const Bench& bench, ggml_type type) {
  ggml_backend_dev_t handle = bench.device.handle();
  auto extra = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(handle), "ggml_backend_dev_get_extra_bufts"));
  if (extra != nullptr) {
    ggml_backend_buffer_type_t* types = extra(handle);
    for (; types != nullptr && *types != nullptr; ++types) {
      ContextOwner context = make_context(8);
      ggml_tensor* weight = ggml_new_tensor_2d(context.get(), type, kWidths[0], kWidths[0]);
      ggml_tensor* product =
          ggml_mul_mat(context.get(), weight, ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, kWidths[0], 1));
      // Such a type knows the weights it takes by their buffer; an empty one will do.
      BufferOwner empty(ggml_backend_buft_alloc_buffer(*types, 0));
      weight->buffer = empty.get();
      bool takes = empty != nullptr && ggml_backend_dev_supports_op(handle, product);
      weight->buffer = nullptr;
      if (takes) return *types;
    }
  }
  return ggml_backend_dev_buffer_type(handle);
}

// `elements` weights of the type, spread as those of a trained model are and scaled so that activations keep their
// size. A short stretch is made and repeated: the values do not matter, but denormals and NaN would change the speed.
std::vector<std::byte> random_weights(ggml_type type, int64_t elements, int64_t width) {
  constexpr int64_t kStretch = 64 * 1024;
  std::minstd_rand random(1);
  float spread = std::sqrt(3.0F / static_cast<float>(width));
  std::uniform_real_distribution<float> value(-spread, spread);
  std::vector<float> plain(static_cast<size_t>(std::min(elements, kStretch)));
  std::ranges::generate(plain, [&] { return value(random); });
  std::vector<std::byte> stretch(ggml_row_size(type, static_cast<int64_t>(plain.size())));
  ggml_quantize_chunk(type, plain.data(), stretch.data(), 0, 1, static_cast<int64_t>(plain.size()), nullptr);
  std::vector<std::byte> all(ggml_row_size(type, elements));
  for (size_t at = 0; at < all.size(); at += stretch.size()) {
    std::copy_n(stretch.begin(), std::min(stretch.size(), all.size() - at), all.begin() + static_cast<ptrdiff_t>(at));
  }
  return all;
}

}  // namespace

std::optional<ggml_type> weight_type(std::string_view name) {
  for (int i = 0; i < GGML_TYPE_COUNT; ++i) {
    const char* known = ggml_type_name(static_cast<ggml_type>(i));
    if (known != nullptr && name == known) return static_cast<ggml_type>(i);
  }
  return std::nullopt;
}

Bytes pair_bytes(ggml_type type, int level) { return ggml_row_size(type, pair_elements(level)); }

Result<Bench> Bench::open(const Device& device, uint32_t threads) {
  EXO_TRY(ggml_backend_t backend,
          guarded(device, "opening the device", [&] { return ggml_backend_dev_init(device.handle(), nullptr); }));
  if (backend == nullptr) {
    return fail(ErrorCode::unavailable, "{} ({}): the device cannot be opened{}", device.info().id, device.info().name,
                ggml_reason());
  }
  Bench bench{.device = device, .backend = BackendOwner(backend)};
  auto set_threads = reinterpret_cast<ggml_backend_set_n_threads_t>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device.handle()), "ggml_backend_set_n_threads"));
  if (set_threads != nullptr && device.info().kind == DeviceKind::cpu) {
    bench.set_threads = set_threads;
    bench.threads.emplace(threads);
  }
  return bench;
}

bool supports_product(const Bench& bench, ggml_type type) {
  ContextOwner context = make_context(8);
  for (int64_t columns : {1, 512}) {
    ggml_tensor* product = ggml_mul_mat(context.get(), ggml_new_tensor_2d(context.get(), type, kWidths[0], kWidths[0]),
                                        ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, kWidths[0], columns));
    auto supported = guarded(bench.device, "asking for a product",
                             [&] { return ggml_backend_dev_supports_op(bench.device.handle(), product); });
    if (!supported.value_or(false)) return false;
  }
  return true;
}

struct Weights::Impl {
  ggml_type type = GGML_TYPE_F32;
  int level = 0;
  ContextOwner context;
  BufferOwner buffer;
  std::vector<ggml_tensor*> up;
  std::vector<ggml_tensor*> down;
};

Weights::Weights(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Weights::Weights(Weights&&) noexcept = default;
Weights& Weights::operator=(Weights&&) noexcept = default;
Weights::~Weights() = default;

ggml_type Weights::type() const { return impl_->type; }
int Weights::level() const { return impl_->level; }
int Weights::pairs() const { return static_cast<int>(impl_->up.size()); }
ggml_tensor* Weights::up(int pair) const { return impl_->up[static_cast<size_t>(pair)]; }
ggml_tensor* Weights::down(int pair) const { return impl_->down[static_cast<size_t>(pair)]; }

Result<Weights> Weights::make(const Bench& bench, ggml_type type, int level, int pairs,
                              ggml_backend_buffer_type_t layout) {
  Bytes wanted = pair_bytes(type, level) * static_cast<Bytes>(pairs);
  // Asked first: some drivers grant any size, and end the process when it is used.
  if (MemoryInfo memory = bench.device.memory(); wanted > memory.free) {
    return fail(ErrorCode::out_of_memory, "{} ({}): {} of weights do not fit: {} are free", bench.device.info().id,
                bench.device.info().name, format_bytes(wanted), format_bytes(memory.free));
  }
  auto impl = std::make_unique<Impl>();
  impl->type = type;
  impl->level = level;
  impl->context = make_context(static_cast<size_t>(pairs) * 2);
  int64_t width = kWidths[level];
  int64_t inner = width * 7 / 2;
  for (int i = 0; i < pairs; ++i) {
    impl->up.push_back(ggml_new_tensor_2d(impl->context.get(), type, width, inner));
    impl->down.push_back(ggml_new_tensor_2d(impl->context.get(), type, inner, width));
  }
  std::string doing = std::format("allocating {} of weights", format_bytes(wanted));
  EXO_CHECK(guarded(bench.device, doing, [&] {
    impl->buffer.reset(ggml_backend_alloc_ctx_tensors_from_buft(
        impl->context.get(), layout != nullptr ? layout : weight_buffer_type(bench, type)));
  }));
  if (impl->buffer == nullptr) {
    return fail(ErrorCode::out_of_memory, "{} ({}): {} failed{}", bench.device.info().id, bench.device.info().name,
                doing, ggml_reason());
  }
  ggml_backend_buffer_set_usage(impl->buffer.get(), GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
  std::vector<std::byte> values = random_weights(type, pair_elements(level) / 2, width);
  EXO_CHECK(guarded(bench.device, "uploading weights", [&] {
    for (std::vector<ggml_tensor*>* half : {&impl->up, &impl->down}) {
      for (ggml_tensor* tensor : *half) ggml_backend_tensor_set(tensor, values.data(), 0, values.size());
    }
  }));
  return Weights(std::move(impl));
}

struct ProductGraph::Impl {
  Bench* bench = nullptr;
  ContextOwner context;
  AllocatorOwner allocator;
  ggml_cgraph* graph = nullptr;

  // Allocates the graph that ends in `last` and fills its input.
  Result<void> finish(ggml_tensor* input, ggml_tensor* last, size_t nodes) {
    graph = ggml_new_graph_custom(context.get(), nodes, false);
    ggml_set_input(input);
    ggml_set_output(last);
    ggml_build_forward_expand(graph, last);
    EXO_TRY(bool fits, guarded(bench->device, "allocating activations", [&] {
              allocator.reset(ggml_gallocr_new(ggml_backend_get_default_buffer_type(bench->backend.get())));
              return allocator != nullptr && ggml_gallocr_alloc_graph(allocator.get(), graph);
            }));
    if (!fits) {
      return fail(ErrorCode::out_of_memory, "{} ({}): no memory for activations{}", bench->device.info().id,
                  bench->device.info().name, ggml_reason());
    }
    std::minstd_rand random(2);
    std::uniform_real_distribution<float> value(-1, 1);
    std::vector<float> values(static_cast<size_t>(ggml_nelements(input)));
    std::ranges::generate(values, [&] { return value(random); });
    return guarded(bench->device, "uploading activations",
                   [&] { ggml_backend_tensor_set(input, values.data(), 0, values.size() * sizeof(float)); });
  }
};

ProductGraph::ProductGraph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProductGraph::ProductGraph(ProductGraph&&) noexcept = default;
ProductGraph& ProductGraph::operator=(ProductGraph&&) noexcept = default;
ProductGraph::~ProductGraph() = default;

Result<ProductGraph> ProductGraph::make(Bench& bench, const Weights& weights, int pairs, int columns) {
  auto impl = std::make_unique<Impl>();
  impl->bench = &bench;
  size_t tensors = static_cast<size_t>(pairs) * 4 + 4;
  impl->context = make_context(tensors);
  ggml_tensor* input = ggml_new_tensor_2d(impl->context.get(), GGML_TYPE_F32, kWidths[weights.level()], columns);
  ggml_tensor* last = input;
  for (int i = 0; i < pairs; ++i) {
    last = ggml_mul_mat(impl->context.get(), weights.up(i), last);
    last = ggml_mul_mat(impl->context.get(), weights.down(i), last);
  }
  EXO_CHECK(impl->finish(input, last, tensors));
  return ProductGraph(std::move(impl));
}

Result<ProductGraph> ProductGraph::make_trivial(Bench& bench) {
  auto impl = std::make_unique<Impl>();
  impl->bench = &bench;
  impl->context = make_context(8);
  ggml_tensor* input = ggml_new_tensor_1d(impl->context.get(), GGML_TYPE_F32, 256);
  EXO_CHECK(impl->finish(input, ggml_scale(impl->context.get(), input, 0.5F), 8));
  return ProductGraph(std::move(impl));
}

Result<double> ProductGraph::run() {
  Bench& bench = *impl_->bench;
  if (bench.threads) {
    bench.set_threads(bench.backend.get(), static_cast<int>(bench.threads->begin_step()));
    bench.limited |= bench.threads->limited();
  }
  auto start = std::chrono::steady_clock::now();
  EXO_TRY(ggml_status status, guarded(bench.device, "computing a product",
                                      [&] { return ggml_backend_graph_compute(bench.backend.get(), impl_->graph); }));
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (bench.threads) bench.threads->end_step();
  if (status != GGML_STATUS_SUCCESS) {
    return fail(ErrorCode::unavailable, "{} ({}): computing a product failed with ggml's status {}{}",
                bench.device.info().id, bench.device.info().name, static_cast<int>(status), ggml_reason());
  }
  return took.count();
}

}  // namespace exogpu::gpu
