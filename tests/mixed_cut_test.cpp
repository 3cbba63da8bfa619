// A model cut between the CPU and a GPU, which sums in another order, chooses the tokens that the CPU alone chooses.
//
// usage: the model's path in EXOGPU_TEST_MODEL, how many tokens to compare in EXOGPU_TEST_POSITIONS (128); without a
// device that Vulkan shows (a software one will do) it is skipped.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <format>
#include <iterator>
#include <print>

#include "engine/shard.h"
#include "gpu/device.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::engine {
namespace {

constexpr uint32_t kChunk = 64;
constexpr uint32_t kOneByOne = 8;  // the last tokens of each text; the others as prompts are computed

// Asked as in a conversation, which is what the model has learnt. Answers are compared to where they end.
constexpr const char* kQuestions[] = {
    "Tell me a story about a fox.",   "Tell me a story about a baker.", "What is exogpu?",
    "Tell me a story about the sea.", "What is the capital of France?", "Tell me a story about a small dog."};

struct Text {
  std::vector<model::TokenId> tokens;
  size_t prompt = 0;  // of them
};

struct Part {
  const gpu::Device* device;
  wire::LayerRange layers;
};

// Shards one behind the other, with one sequence.
class Cut {
 public:
  Cut(const model::Gguf& file, std::span<const Part> parts) {
    ShardOptions options;
    options.context = 1024;
    options.outputs = kChunk;
    options.kv_type = KvType::f32;  // exact, as far as the devices are: what is left is the order of their sums
    for (const Part& part : parts) {
      auto shard = Shard::load(file, part.layers, *part.device, options);
      if (!shard) throw std::runtime_error(shard.error().message);
      shards_.push_back(*std::move(shard));
    }
  }
  void forget() {
    for (Shard& shard : shards_) ASSERT_TRUE(shard.truncate(wire::SeqId(0), 0));
  }
  // The likeliest token after each of these.
  std::vector<model::TokenId> after(std::span<const model::TokenId> tokens) {
    const auto count = static_cast<uint32_t>(tokens.size());
    std::vector<float> values;
    for (Shard& shard : shards_) {
      const bool last = &shard == &shards_.back();
      const SequenceTokens next{wire::SeqId(0), shard.length(wire::SeqId(0)), count, last ? count : 0};
      const bool first = shard.layers().begin == 0;
      const auto result = shard.forward({.sequences = {&next, 1},
                                         .tokens = first ? tokens : std::span<const model::TokenId>(),
                                         .activations = values});
      if (!result) throw std::runtime_error(result.error().message);
      values.assign(result->begin(), result->end());
    }
    const size_t n_vocab = values.size() / count;
    std::vector<model::TokenId> likeliest;
    for (auto row = values.begin(); row != values.end(); row += static_cast<ptrdiff_t>(n_vocab)) {
      const auto top = std::max_element(row, row + static_cast<ptrdiff_t>(n_vocab));
      likeliest.push_back(static_cast<model::TokenId>(top - row));
    }
    return likeliest;
  }

 private:
  std::vector<Shard> shards_;
};

uint32_t positions_to_compare() {
  const char* count = std::getenv("EXOGPU_TEST_POSITIONS");
  return count == nullptr ? 128 : static_cast<uint32_t>(std::strtoul(count, nullptr, 10));
}

TEST(MixedCut, ChoosesAsTheCpuDoes) {
  const char* path = std::getenv("EXOGPU_TEST_MODEL");
  ASSERT_NE(path, nullptr);
  const auto file = model::Gguf::open(path);
  ASSERT_TRUE(file) << file.error().message;
  const auto machine = gpu::Machine::discover({.backend = {}, .software = true});
  ASSERT_TRUE(machine) << machine.error().message;
  const gpu::Device* gpu = nullptr;
  const gpu::Device* cpu = nullptr;
  for (const gpu::Device& device : machine->devices()) {
    if (device.info().backend == "Vulkan" && gpu == nullptr) gpu = &device;
    if (device.info().backend == "CPU") cpu = &device;
  }
  ASSERT_NE(cpu, nullptr);
  if (gpu == nullptr) GTEST_SKIP() << "Vulkan shows no device";
  const uint32_t n_layers = read_architecture(*file).value().n_layers;

  // What the CPU writes by itself: each token is its choice after those before.
  const auto tokenizer = model::Tokenizer::load(*file);
  ASSERT_TRUE(tokenizer);
  const Part whole[] = {{cpu, {0, n_layers}}};
  Cut alone(*file, whole);
  std::vector<Text> texts;
  uint32_t positions = 0;
  const uint32_t wanted = positions_to_compare();
  ASSERT_GT(wanted, 0U);
  for (const char* question : kQuestions) {
    if (positions == wanted) break;
    const auto asked = std::format("<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n", question);
    Text text{.tokens = tokenizer->encode(asked, {.add_special = true, .parse_special = true}), .prompt = 0};
    text.prompt = text.tokens.size();
    alone.forget();
    model::TokenId next = alone.after(text.tokens).back();
    while (positions < wanted) {
      text.tokens.push_back(next);
      ++positions;
      if (tokenizer->is_end(next)) break;
      next = alone.after({&next, 1}).back();
    }
    texts.push_back(std::move(text));
  }
  ASSERT_EQ(positions, wanted) << "the model has too little to say";

  const uint32_t third = n_layers / 3;
  const Part parts[] = {{cpu, {0, third}}, {gpu, {third, n_layers - third}}, {cpu, {n_layers - third, n_layers}}};
  Cut cut(*file, parts);
  uint32_t same = 0;
  for (const Text& text : texts) {
    cut.forget();
    std::vector<model::TokenId> chosen;
    for (std::span<const model::TokenId> left(text.tokens); left.size() > 1;) {
      const size_t count = left.size() > kOneByOne ? std::min<size_t>(kChunk, left.size() - kOneByOne) : 1;
      std::ranges::copy(cut.after(left.first(count)), std::back_inserter(chosen));
      left = left.subspan(count);
    }
    for (size_t at = text.prompt - 1; at < chosen.size(); ++at) same += chosen[at] == text.tokens[at + 1] ? 1 : 0;
  }
  std::println("{}: {} of {} tokens as the CPU alone chooses them", gpu->info().name, same, wanted);
  EXPECT_GE(same, 0.99 * wanted);
}

}  // namespace
}  // namespace exogpu::engine
