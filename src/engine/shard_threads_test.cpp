// The number of threads changes no bit, also of long sequences, which the kernels divide between threads.
#include <gtest/gtest.h>

#include "engine/testing/tiny.h"

namespace exogpu::engine {
namespace {

using namespace testing;

// Logits after a prompt of 600 tokens, and after each of three more.
std::vector<float> answer(const TinyFile& file, uint32_t threads) {
  auto chain = Chain::load(file.gguf(), {}, cpu(), {.context = 1024, .threads = threads});
  if (!chain) throw std::runtime_error(chain.error().message);
  const uint32_t vocabulary = chain->shards().front().architecture().n_vocab;
  std::vector<float> all;
  const auto tokens = tokens_of(603, vocabulary);
  for (uint32_t at = 0; at < 600; at += 300) feed(*chain, std::span(tokens).subspan(at, 300), 1);
  for (uint32_t at = 600; at < 603; ++at) {
    const std::vector<float> logits = feed(*chain, std::span(tokens).subspan(at, 1), 1);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

class Threads : public ::testing::TestWithParam<const char*> {};
// Queries that share keys; a single head of keys; sinks; one compressed head.
INSTANTIATE_TEST_SUITE_P(Families, Threads, ::testing::Values("qwen3", "gemma3", "gpt-oss", "deepseek2"));

TEST_P(Threads, HaveTheSameBitsAtAnyNumber) {
  const TinyFile file(GetParam());
  const std::vector<float> one = answer(file, 1);
  EXPECT_EQ(answer(file, 2), one);
  EXPECT_EQ(answer(file, 5), one);
}

}  // namespace
}  // namespace exogpu::engine
