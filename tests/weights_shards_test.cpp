// A shard of a model of which only its layers have arrived computes the same bits as one of the whole file.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "engine/testing/tiny.h"
#include "weights/partial_model.h"
#include "weights/testing/example_model.h"

namespace exogpu::weights {
namespace {

using namespace testing;
using engine::Shard;
using engine::ShardOptions;

class Shards : public ::testing::TestWithParam<tiny::Family> {};
INSTANTIATE_TEST_SUITE_P(EveryFamily, Shards, ::testing::ValuesIn(tiny::families().begin(), tiny::families().end()),
                         [](const auto& test) {
                           std::string name(test.param.name);
                           std::ranges::replace_if(
                               name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
                           return name;
                         });

// As many layer ranges as the model can be cut into.
std::vector<wire::LayerRange> ranges_of(const engine::Architecture& architecture) {
  std::vector<wire::LayerRange> ranges;
  uint32_t begin = 0;
  for (uint32_t layer = 1; layer <= architecture.n_layers; ++layer) {
    if (layer < architecture.n_layers && !architecture.can_cut(layer)) continue;
    ranges.push_back({begin, layer});
    begin = layer;
  }
  return ranges;
}

// The outputs of shards that follow one another, each computing with what the one before returned.
std::vector<std::vector<float>> outputs_of(std::span<const std::shared_ptr<const model::Gguf>> files,
                                           std::span<const wire::LayerRange> layers, bool embeddings) {
  ShardOptions options;
  options.embeddings = embeddings;
  options.kv_type = engine::KvType::f32;
  options.context = 512;
  options.outputs = embeddings ? 1 : 8;
  options.threads = 1;
  std::vector<std::vector<float>> outputs;
  std::vector<float> activations;
  for (size_t i = 0; i < layers.size(); ++i) {
    auto shard = Shard::load(*files[i], layers[i], engine::testing::cpu(), options);
    EXPECT_TRUE(shard) << shard.error().message;
    if (!shard) return {};
    const auto tokens = engine::testing::tokens_of(8, shard->architecture().n_vocab);
    const engine::SequenceTokens next = {wire::SeqId(0), 0, 8, embeddings ? 1U : 8U};
    const auto result =
        shard->forward({{&next, 1}, i == 0 ? std::span(tokens) : std::span<const model::TokenId>(), activations});
    EXPECT_TRUE(result) << result.error().message;
    if (!result) return {};
    activations.assign(result->begin(), result->end());
    outputs.push_back(activations);
  }
  return outputs;
}

TEST_P(Shards, AreTheSameFromAPartOfTheFile) {
  Folder folder;
  const auto path = folder / "model.gguf";
  ASSERT_TRUE(tiny::write_tiny_model(path, GetParam().name));
  const auto whole = content_of(path);
  const auto architecture = engine::read_architecture(*whole->gguf());
  ASSERT_TRUE(architecture);
  const uint32_t n_layers = architecture->n_layers;
  const bool embeddings = !architecture->has_head;
  std::vector<wire::LayerRange> layers = ranges_of(*architecture);
  const size_t cuts = layers.size();
  layers.push_back({0, n_layers});

  std::vector<std::shared_ptr<const model::Gguf>> parts;
  std::vector<std::shared_ptr<PartialModel>> models;
  for (const wire::LayerRange range : layers) {
    auto model = PartialModel::create(folder / std::to_string(models.size()), whole->encoded_manifest());
    ASSERT_TRUE(model) << model.error().message;
    const Scope scope{range, n_layers};
    const auto objects = objects_of(whole->manifest(), scope);
    ASSERT_TRUE(objects);
    fill(**model, *whole, *objects);
    ASSERT_TRUE((*model)->check_present(scope));
    if (range.size() < n_layers) {
      EXPECT_LT((*model)->present_bytes(), whole->manifest().bytes());
    }
    auto file = (*model)->gguf();
    ASSERT_TRUE(file) << file.error().message;
    parts.push_back(*std::move(file));
    models.push_back(*std::move(model));
  }
  const auto single = std::span(layers).first(cuts), all = std::span(layers).last(1);
  const std::vector<std::shared_ptr<const model::Gguf>> same(layers.size(), whole->gguf());
  const auto expected = outputs_of(same, single, embeddings);
  ASSERT_EQ(expected.size(), cuts);
  EXPECT_EQ(outputs_of(parts, single, embeddings), expected);
  EXPECT_EQ(outputs_of(std::span(parts).last(1), all, embeddings).back(), expected.back());
}

}  // namespace
}  // namespace exogpu::weights
