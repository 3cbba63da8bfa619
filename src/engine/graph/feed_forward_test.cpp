// However a product is divided, its bits are the same.
#include <ggml-cpp.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/graph/builder.h"
#include "engine/testing/tiny.h"
#include "gpu/layouts/layout.h"

namespace exogpu::engine {
namespace {

constexpr int64_t kModel = 256;
constexpr int64_t kInner = 512;
constexpr int64_t kTokens = 45;  // more than two steps of 16, and some that are left over

std::vector<float> waves(int64_t n, float step) {
  std::vector<float> values(static_cast<size_t>(n));
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(step * static_cast<float>(i));
  return values;
}

ggml_backend_buffer_type_t repacked() {
  for (const gpu::Layout& layout : gpu::layouts_of(testing::cpu()))
    if (layout.name == "CPU_REPACK") return layout.type;
  return nullptr;
}

struct Computed {
  std::vector<float> y;  // [d_model, tokens]
  int products = 0;
};

// Gates and ups joined in one packed matrix of Q4_K, as a shard on the CPU has them.
class OneFeedForward {
 public:
  explicit OneFeedForward(ggml_backend_buffer_type_t packed) {
    ggml_tensor* joined = ggml_new_tensor_2d(ctx_.get(), GGML_TYPE_Q4_K, kModel, 2 * kInner);
    ggml_tensor* down = ggml_new_tensor_2d(plain_.get(), GGML_TYPE_F32, kInner, kModel);
    buffers_.emplace_back(ggml_backend_alloc_ctx_tensors_from_buft(ctx_.get(), packed));
    buffers_.emplace_back(ggml_backend_alloc_ctx_tensors_from_buft(plain_.get(), plain_type()));
    const std::vector<float> values = waves(kModel * 2 * kInner, 0.7F);
    std::vector<std::byte> quantised(ggml_nbytes(joined));
    ggml_quantize_chunk(joined->type, values.data(), quantised.data(), 0, 2 * kInner, kModel, nullptr);
    ggml_backend_tensor_set(joined, quantised.data(), 0, quantised.size());
    ggml_backend_tensor_set(down, waves(kInner * kModel, 0.3F).data(), 0, ggml_nbytes(down));
    weights_.gate_up.matrices = {{joined, nullptr}};
    weights_.gate_up.parts = {{0, 0, kInner}, {0, kInner, kInner}};
    weights_.gate_up.divisible = true;
    weights_.down = {down, nullptr};
  }

  Computed compute(bool one_thread) const {
    const Architecture arch;
    const ModelWeights none;
    const KvCache cache(arch, {}, 0, wire::KvType::f16, plain_type());
    const RecurrentState states(arch, {}, 0, plain_type());
    const GraphSource source = {arch, {}, none, none, cache, states, true, true, one_thread};
    Graph graph;
    graph.ctx.reset(context());
    graph.nodes = ggml_new_graph(graph.ctx.get());
    ggml_tensor* x = ggml_new_tensor_2d(graph.ctx.get(), GGML_TYPE_F32, kModel, kTokens);
    ggml_tensor* y = dense_feed_forward({source, graph}, weights_, x, Activation::silu);
    ggml_build_forward_expand(graph.nodes, y);
    const ggml_backend_ptr backend(ggml_backend_dev_init(testing::cpu().handle(), nullptr));
    const ggml_backend_buffer_ptr memory(ggml_backend_alloc_ctx_tensors(graph.ctx.get(), backend.get()));
    ggml_backend_tensor_set(x, waves(kModel * kTokens, 0.11F).data(), 0, ggml_nbytes(x));
    EXPECT_EQ(ggml_backend_graph_compute(backend.get(), graph.nodes), GGML_STATUS_SUCCESS);
    Computed computed{std::vector<float>(static_cast<size_t>(kModel * kTokens)), 0};
    ggml_backend_tensor_get(y, computed.y.data(), 0, ggml_nbytes(y));
    for (int i = 0; i < ggml_graph_n_nodes(graph.nodes); ++i)
      computed.products += ggml_graph_node(graph.nodes, i)->op == GGML_OP_MUL_MAT ? 1 : 0;
    return computed;
  }

 private:
  static ggml_context* context() { return ggml_init({.mem_size = 1 << 20, .mem_buffer = nullptr, .no_alloc = true}); }
  static ggml_backend_buffer_type_t plain_type() { return ggml_backend_dev_buffer_type(testing::cpu().handle()); }

  ggml_context_ptr ctx_{context()};
  ggml_context_ptr plain_{context()};
  std::vector<ggml_backend_buffer_ptr> buffers_;
  DenseWeights weights_;
};

TEST(FeedForward, OneThreadMultipliesGatesAndUpsOneAfterTheOtherWithTheSameBits) {
  ggml_backend_buffer_type_t packed = repacked();
  if (packed == nullptr) GTEST_SKIP() << "this processor's kernels pack no weights";
  const OneFeedForward layer(packed);
  const Computed together = layer.compute(false);
  const Computed apart = layer.compute(true);
  EXPECT_EQ(together.products, 2);
  EXPECT_EQ(apart.products, 3);
  EXPECT_TRUE(apart.y == together.y);
}

}  // namespace
}  // namespace exogpu::engine
