// How much of the host's memory a shard takes.
#include <gtest/gtest.h>

#include "base/sanitizer.h"
#include "engine/testing/tiny.h"
#include "gpu/testing/device.h"

namespace exogpu::engine {
namespace {

using namespace testing;

TEST(ShardMemory, StaysWithinTheBudgetWhileLayersStream) {
  const TinyFile file("llama", 1, {.layers = 24, .embedding_length = 768});
  const Bytes all = file.gguf().file_bytes();
  const Bytes before = gpu::resident_bytes();
  ShardOptions options;
  options.weight_budget = all / 4;
  Chain chain = load_chain(file, {}, options);
  const MemoryNeed& need = chain.shards().front().first().memory();
  ASSERT_LE(need.weights, all / 4);
  const Bytes most = before + all / 4 + need.cache + need.compute + 64 * MiB;
  ASSERT_LT(most, before + all) << "else the bound says nothing";
  const auto tokens = tokens_of(64, chain.architecture().n_vocab);
  for (int i = 0; i < 3; ++i) {
    feed(chain, std::span(tokens).first(i == 0 ? 64 : 1), 1);
    if (kSanitized) continue;  // which keeps freed memory for a while
    EXPECT_LE(gpu::resident_bytes(), most);
  }
}

}  // namespace
}  // namespace exogpu::engine
