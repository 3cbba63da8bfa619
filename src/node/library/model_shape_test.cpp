#include "node/library/model_shape.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tiny_model/tiny_model.h"

namespace exogpu::node {
namespace {

// Families with all that matters: experts, sliding windows, an embedding that is also the head.
class ShapeOf : public ::testing::TestWithParam<std::string_view> {};

TEST_P(ShapeOf, IsWhatShardsMeasure) {
  const auto bytes = tiny::tiny_model(GetParam(), 1, {.matrices = tiny::MatrixType::q8_0, .layers = 6});
  ASSERT_TRUE(bytes) << bytes.error().message;
  const auto file = model::Gguf::parse(*bytes, "tiny.gguf");
  ASSERT_TRUE(file) << file.error().message;
  const auto machine = gpu::Machine::discover({.backend = {}, .cpu_only = true});
  ASSERT_TRUE(machine);
  engine::ShardOptions options;
  options.context = 500;
  options.sequences = 3;
  const auto shape = shape_of(*file, machine->devices(), options);
  ASSERT_TRUE(shape) << shape.error().message;
  const auto layers = static_cast<uint32_t>(shape->layers.size());
  ASSERT_EQ(layers, 6U);
  const Bytes rows = 512 * 3;
  const auto later = engine::Shard::measure(*file, {1, layers}, machine->devices().back(), options);
  ASSERT_TRUE(later) << later.error().message;
  for (uint32_t begin = 0; begin < layers; ++begin) {
    for (uint32_t end = begin + 1; end <= layers; ++end) {
      const bool can_begin = !shape->layers[begin].joined_to_previous;
      if (!can_begin || (end < layers && shape->layers[end].joined_to_previous)) continue;
      const auto need = engine::Shard::measure(*file, {begin, end}, machine->devices().back(), options);
      ASSERT_TRUE(need) << need.error().message;
      Bytes weights = begin == 0 ? shape->embedding_bytes : 0;
      if (end == layers) weights += shape->head_bytes;
      if (begin == 0 && end == layers) weights -= shape->ends_shared_bytes;
      Bytes cache = 0, states = 0;
      for (uint32_t l = begin; l < end; ++l) {
        weights += shape->layers[l].weight_bytes;
        cache += shape->layers[l].kv_bytes_per_token * rows;
        states += shape->layers[l].state_bytes * options.sequences;
        EXPECT_LE(shape->layers[l].active_weight_bytes, shape->layers[l].weight_bytes);
      }
      const Bytes compute = shape->compute_bytes + (end == layers ? shape->head_compute_bytes : 0);
      // Never less than what is needed, and hardly more.
      EXPECT_GE(weights, need->weights) << begin << " to " << end;
      EXPECT_LE(weights, need->weights + need->weights / 50 + 8 * KiB * (end - begin)) << begin << " to " << end;
      EXPECT_GE(cache, need->cache);
      EXPECT_LE(cache, need->cache + need->cache / 50);
      EXPECT_GE(states, need->state);
      EXPECT_LE(states, need->state + need->state / 50);
      EXPECT_GE(compute, need->compute + need->retained) << begin << " to " << end;
      if (end - begin > 1) {
        EXPECT_LE(compute, 2 * need->compute + later->retained) << begin << " to " << end;
      }
    }
  }
  EXPECT_NEAR(shape->bits_per_weight, 8.5, 0.2);
}

INSTANTIATE_TEST_SUITE_P(Families, ShapeOf,
                         ::testing::Values("llama", "qwen3", "qwen3moe", "gemma3", "phi3", "qwen35", "gemma4",
                                           "deepseek2"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST(ShapeOfSlidingLayers, HasTheirWindowAndTheWorkOfAttention) {
  const auto bytes = tiny::tiny_model("gemma3", 1, {.layers = 6});
  const auto file = model::Gguf::parse(*bytes, "tiny.gguf");
  const auto machine = gpu::Machine::discover({.backend = {}, .cpu_only = true});
  const auto shape = shape_of(*file, machine->devices(), {});
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_TRUE(std::ranges::any_of(shape->layers, [](const auto& layer) { return layer.window > 0; }));
  EXPECT_TRUE(std::ranges::any_of(shape->layers, [](const auto& layer) { return layer.window == 0; }));
  for (const wire::LayerShape& layer : shape->layers) EXPECT_GT(layer.attention_flops, 0);
}

TEST(ShapeOfMixture, ReadsTheExpertsItUses) {
  const auto bytes = tiny::tiny_model("qwen3moe");
  const auto file = model::Gguf::parse(*bytes, "tiny.gguf");
  const auto machine = gpu::Machine::discover({.backend = {}, .cpu_only = true});
  const auto shape = shape_of(*file, machine->devices(), {});
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_LT(shape->experts_used_share, 1);
  Bytes experts = 0, all = 0;
  for (const model::TensorInfo& tensor : file->tensors()) {
    if (!tensor.name.starts_with("blk.0.")) continue;
    all += tensor.bytes;
    if (tensor.name.contains("_exps.")) experts += tensor.bytes;
  }
  const auto read = static_cast<double>(all - experts) + static_cast<double>(experts) * shape->experts_used_share;
  EXPECT_NEAR(static_cast<double>(shape->layers[0].active_weight_bytes), read, 2);
}

}  // namespace
}  // namespace exogpu::node
