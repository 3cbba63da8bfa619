// Weights in two layouts: one for prompts, one for answers.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/shard.h"
#include "engine/testing/tiny.h"
#include "gpu/device_key.h"
#include "gpu/json_file.h"
#include "gpu/layouts/stored.h"

namespace exogpu::engine {
namespace {

using namespace testing;

// A book that knows these rates of layouts on the processor, all of them right.
class Layouts {
 public:
  // Of (answers, prompts), in the order of layouts_of().
  explicit Layouts(std::vector<std::pair<double, double>> rates) : device_(cpu()) {
    path_ = std::filesystem::temp_directory_path() / std::format("exogpu-layouts-{}-{}.json", getpid(), ++count_);
    gpu::LayoutKnowledge known;
    const std::vector<gpu::Layout> layouts = gpu::layouts_of(device_);
    for (size_t i = 0; i < layouts.size(); ++i) {
      for (const gpu::WeightShape shape : gpu::kWeightShapes)
        known.verdicts[{layouts[i].name, "q4_0", shape}] = {gpu::LayoutState::right, ""};
      const auto [answers, prompts] = rates[std::min(i, rates.size() - 1)];
      known.rates[{layouts[i].name, "q4_0"}] = {.matvec_bytes_per_s = answers, .matmul_flops_per_s = prompts};
    }
    EXPECT_TRUE(gpu::write_json_file(path_, gpu::to_json({{gpu::device_key(device_), known}})));
    const auto unknown = [](const gpu::Device&, std::span<const gpu::LayoutCase> cases) {
      return std::vector<gpu::LayoutVerdict>(cases.size());
    };
    device_.set_layouts(std::make_shared<gpu::LayoutBook>(path_, unknown));
  }
  ~Layouts() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  Layouts(const Layouts&) = delete;
  Layouts& operator=(const Layouts&) = delete;

  Chain load(const TinyFile& file) const {
    auto chain = Chain::load(file.gguf(), {}, device_, {.context = 512, .threads = 1});
    if (!chain) throw std::runtime_error(chain.error().message);
    return *std::move(chain);
  }

 private:
  static inline int count_ = 0;
  gpu::Device device_;
  std::filesystem::path path_;
};

TEST(ShardLayouts, APromptIsReadInOneAndAnAnswerWrittenInAnother) {
  if (gpu::layouts_of(cpu()).size() < 2) GTEST_SKIP() << "one layout";
  const TinyFile file("qwen3", 1, {.matrices = tiny::MatrixType::q4_0});
  Chain packed = Layouts({{2, 2}, {1, 1}}).load(file);
  Chain plain = Layouts({{1, 1}, {2, 2}}).load(file);
  Chain both = Layouts({{1, 2}, {2, 1}}).load(file);
  const auto weights = [](const Chain& chain) { return chain.shards().front().first().memory().weights; };
  if (weights(packed) == weights(plain)) GTEST_SKIP() << "none of these weights has another layout";
  EXPECT_GT(weights(both), std::max(weights(packed), weights(plain)));

  const auto prompt = tokens_of(40, both.architecture().n_vocab);
  const auto first = std::span(prompt).first(1);
  EXPECT_EQ(feed(both, first, 1), feed(plain, first, 1)) << "a step with one token is one of an answer";
  for (Chain* chain : {&packed, &plain, &both}) ASSERT_TRUE(chain->truncate(wire::SeqId(0), 0));
  EXPECT_EQ(feed(both, prompt, 1), feed(packed, prompt, 1)) << "a step with many tokens is one of a prompt";
}

}  // namespace
}  // namespace exogpu::engine
