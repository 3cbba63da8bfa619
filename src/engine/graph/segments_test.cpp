// Graphs in segments: the same bits as in one piece, and nothing of its own where there is one.
#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "base/testing/expect.h"
#include "engine/runner.h"
#include "engine/shard_setup.h"
#include "engine/tensors/kv_cache.h"
#include "engine/tensors/recurrent_state.h"
#include "engine/testing/tiny.h"

namespace exogpu::engine {
namespace {

using namespace testing;
using exogpu::testing::expect_error;

// Counts what it sees, and copies each partial sum.
class Watcher final : public SegmentHooks {
 public:
  Result<void> before(const Segment& segment) override {
    if (fails_at && befores == *fails_at) return fail(ErrorCode::unavailable, "the weights did not arrive");
    ++befores;
    layers.push_back(segment.layers);
    return {};
  }
  Result<void> after(const Segment& segment) override {
    ++afters;
    if (segment.sum == nullptr) return {};
    const int nodes = ggml_graph_n_nodes(segment.nodes);
    EXPECT_EQ(ggml_graph_node(segment.nodes, nodes - 1), segment.sum);
    EXPECT_EQ(segment.sum->type, GGML_TYPE_F32);
    EXPECT_TRUE(ggml_is_contiguous(segment.sum));
    sums.push_back(segment.sum);
    return {};
  }

  std::optional<int> fails_at;
  int befores = 0;
  int afters = 0;
  std::vector<wire::LayerRange> layers;
  std::vector<const ggml_tensor*> sums;
};

// All layers of a model, run without a shard.
struct Whole {
  static constexpr uint32_t kRows = 256;

  explicit Whole(const TinyFile& file)
      : architecture(*read_architecture(file.gguf())),
        layers{0, architecture.n_layers},
        weights(*WeightStore::plan(file.gguf(), architecture, layers, kRows, cpu(), {})),
        cache(architecture, layers, kRows, KvType::f16, home()),
        states(architecture, layers, 1, home()),
        backend(ggml_backend_dev_init(cpu().handle(), nullptr)) {
    EXPECT_TRUE(weights.load(2, {}));
    EXPECT_TRUE(cache.load());
    EXPECT_TRUE(states.load());
  }
  static ggml_backend_buffer_type_t home() { return ggml_backend_dev_buffer_type(cpu().handle()); }

  Runner runner(const SegmentRule& rule) {
    const GraphSource source{architecture, layers, weights.weights(), weights.prompt_weights(), cache, states,
                             false,        true};
    const std::vector<BatchShape> largest = largest_batches({.context = kRows, .batch_tokens = 64, .outputs = 64});
    auto made = Runner::create(source, largest, size_t{64} * architecture.n_vocab, backend.get(), rule);
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }

  // The logits of the last `outputs` of the tokens, from an empty cache.
  Result<std::vector<float>> run(Runner& runner, uint32_t tokens, uint32_t outputs,
                                 std::span<SegmentHooks* const> hooks) {
    ggml_backend_synchronize(backend.get());
    cache.clear(0, kRows);
    if (!states.empty()) states.clear(0);
    const SequenceTokens sequence{.sequence = wire::SeqId(0), .position = 0, .count = tokens, .outputs = outputs};
    const uint32_t length = 0;
    const wire::Region region{.begin = 0, .rows = kRows};
    BatchPlan plan;
    EXO_CHECK(plan_batch({&sequence, 1}, {&length, 1}, {&region, 1}, {64, 64, kRows, !states.empty()}, plan));
    const auto ids = tokens_of(tokens, architecture.n_vocab);
    EXO_TRY(const std::span<const float> logits, runner.run(plan, {ids, {}}, {}, hooks));
    return std::vector<float>(logits.begin(), logits.end());
  }

  Architecture architecture;
  wire::LayerRange layers;
  WeightStore weights;
  KvCache cache;
  RecurrentState states;
  ggml_backend_ptr backend;
};

const SegmentRule kAll{.after_layer = {true, true, true, true, true, true, true, true}, .after_sums = true};

TEST(Segments, GiveTheSameBitsInAllFamilies) {
  if (cpu().info().kind != gpu::DeviceKind::cpu) GTEST_SKIP() << "other backends fuse operations across cuts";
  for (const tiny::Family& family : tiny::families()) {
    SCOPED_TRACE(family.name);
    const TinyFile file(family.name);
    if (read_architecture(file.gguf())->gives_embeddings()) continue;  // those have no logits
    Whole model(file);
    Runner whole = model.runner({});
    Runner divided = model.runner(kAll);
    for (const auto& [tokens, outputs] :
         {std::pair{1U, 1U}, std::pair{40U, 2U}, std::pair{40U, 40U}, std::pair{5U, 0U}}) {
      Watcher one;
      Watcher many;
      const std::array<SegmentHooks*, 1> watch_one = {&one};
      const std::array<SegmentHooks*, 1> watch_many = {&many};
      const auto expected = model.run(whole, tokens, outputs, watch_one);
      const auto got = model.run(divided, tokens, outputs, watch_many);
      ASSERT_TRUE(expected) << expected.error().message;
      ASSERT_TRUE(got) << got.error().message;
      EXPECT_EQ(*expected, *got) << tokens << " tokens";
      EXPECT_EQ(one.befores, 1);
      EXPECT_EQ(many.befores, many.afters);
      EXPECT_GE(many.befores, static_cast<int>(model.layers.size()));
      EXPECT_EQ(many.layers.front().begin, 0u);
      EXPECT_EQ(many.layers.back().end, model.layers.end);
      for (size_t i = 1; i < many.layers.size(); ++i)
        EXPECT_TRUE(many.layers[i].begin == many.layers[i - 1].end ||
                    many.layers[i].begin + 1 == many.layers[i - 1].end);
      EXPECT_EQ(many.sums.empty(), model.architecture.streams.count > 1 || (tokens == 5 && model.layers.size() == 1));
    }
  }
}

TEST(Segments, EachLayerOfALlamaEndsTwoSums) {
  const TinyFile file("llama");
  Whole model(file);
  Runner divided = model.runner({.after_layer = {}, .after_sums = true, .prompts_by_layer = false});
  Watcher watcher;
  const std::array<SegmentHooks*, 1> hooks = {&watcher};
  ASSERT_TRUE(model.run(divided, 3, 3, hooks));
  EXPECT_EQ(watcher.sums.size(), 2 * model.layers.size());
  EXPECT_EQ(watcher.sums.front()->ne[0], model.architecture.d_model);
  EXPECT_EQ(watcher.sums.front()->ne[1], 3);
}

TEST(Segments, OneSegmentIsTheGraphItself) {
  const TinyFile file("llama");
  Whole model(file);
  const GraphSource source{
      model.architecture, model.layers, model.weights.weights(), model.weights.prompt_weights(), model.cache,
      model.states,       false};
  BatchShape shape;
  shape.tokens = 64;
  shape.groups = {{.stride = 0, .slots = 1, .tokens = 64, .rows = 256}};
  const Graph graph = build_graph(source, shape);
  const Segments one = segments_of(graph, {});
  ASSERT_EQ(one.segments.size(), 1u);
  EXPECT_EQ(one.segments.front().nodes, graph.nodes);
  EXPECT_EQ(one.ctx, nullptr);
  const Segments by_layer = segments_of(graph, {.after_layer = {}, .after_sums = false, .prompts_by_layer = true});
  EXPECT_EQ(by_layer.segments.size(), model.layers.size());
  int nodes = 0;
  for (const Segment& segment : by_layer.segments) nodes += ggml_graph_n_nodes(segment.nodes);
  EXPECT_EQ(nodes, ggml_graph_n_nodes(graph.nodes));
}

TEST(Segments, AnErrorOfAHookEndsTheRunAndTheNextOneIsSound) {
  const TinyFile file("llama");
  Whole model(file);
  Runner divided = model.runner(kAll);
  Watcher watcher;
  const std::array<SegmentHooks*, 1> hooks = {&watcher};
  const auto expected = model.run(divided, 20, 1, hooks);
  ASSERT_TRUE(expected);
  watcher.fails_at = watcher.befores + 2;
  const int afters = watcher.afters;
  expect_error(model.run(divided, 20, 1, hooks), ErrorCode::unavailable, "did not arrive");
  EXPECT_EQ(watcher.afters, afters + 2);
  watcher.fails_at.reset();
  EXPECT_EQ(*model.run(divided, 20, 1, hooks), *expected);
}

}  // namespace
}  // namespace exogpu::engine
