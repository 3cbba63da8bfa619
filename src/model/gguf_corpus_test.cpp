// Runs every seed of the fuzzer, so that fixed bugs stay fixed: good-* opens, bad-* is refused.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/testing/source_dir.h"
#include "model/gguf.h"

namespace exogpu::model {
namespace {

TEST(GgufCorpus, GoodSeedsOpenAndBadOnesAreRefused) {
  int good = 0, bad = 0;
  for (const auto& seed : std::filesystem::directory_iterator(exogpu::testing::source_dir() / "fuzz/corpus/gguf")) {
    std::string name = seed.path().filename().string();
    auto file = Gguf::open(seed.path());
    if (name.starts_with("good-")) {
      ++good;
      EXPECT_TRUE(file) << file.error().message;
    } else {
      ASSERT_TRUE(name.starts_with("bad-")) << name << ": begin it with good- or bad-";
      ++bad;
      EXPECT_FALSE(file) << name;
    }
  }
  EXPECT_GT(good, 3);
  EXPECT_GT(bad, 3);
}

}  // namespace
}  // namespace exogpu::model
