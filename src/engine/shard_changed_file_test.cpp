// Shards whose file another process changes.
#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/expect.h"
#include "engine/shard.h"
#include "engine/testing/tiny.h"

namespace exogpu::engine {
namespace {

using namespace testing;
using exogpu::testing::expect_error;

Result<std::span<const float>> step(Chain& chain, std::span<const model::TokenId> tokens) {
  const SequenceTokens next = {wire::SeqId(0), chain.shards().front().length(wire::SeqId(0)),
                               static_cast<uint32_t>(tokens.size()), 1};
  return chain.forward({{&next, 1}, tokens, {}});
}

TEST(ChangedFile, AShardOfATruncatedFileFailsEveryStepWithTheReason) {
  TinyFile file("llama");
  Chain chain = load_chain(file);
  const auto tokens = tokens_of(20, chain.architecture().n_vocab);
  ASSERT_TRUE(step(chain, tokens));
  std::filesystem::resize_file(file.path(), 1000);
  for (int i = 0; i < 2; ++i) {
    expect_error(step(chain, tokens), ErrorCode::unavailable, file.path().string() + ": had ");
    EXPECT_EQ(chain.shards().front().length(wire::SeqId(0)), 20u) << "a step that fails moves no sequence";
  }
}

TEST(ChangedFile, AShardOfAFileWrittenInPlaceFailsEveryStep) {
  TinyFile file("llama");
  Chain chain = load_chain(file);
  const auto tokens = tokens_of(20, chain.architecture().n_vocab);
  ASSERT_TRUE(step(chain, tokens));
  const auto opened = std::filesystem::last_write_time(file.path());
  while (std::filesystem::last_write_time(file.path()) == opened) {
    std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(-64, std::ios::end);
    stream.put('y');
  }
  expect_error(step(chain, tokens), ErrorCode::unavailable, "was changed while it was in use");
}

TEST(ChangedFile, AFileCutShortWhileItIsLoadedIsRefused) {
  TinyFile file("llama");
  const auto cut_short = [&](Bytes, Bytes) { std::filesystem::resize_file(file.path(), 1000); };
  std::filesystem::resize_file(file.path(), std::filesystem::file_size(file.path()) - 32);
  expect_error(Shard::load(file.gguf(), {0, 2}, cpu(), {.context = 256, .threads = 1}, cut_short),
               ErrorCode::unavailable, file.path().string());
}

}  // namespace
}  // namespace exogpu::engine
