#include "base/near_names.h"

#include <gtest/gtest.h>

namespace exogpu {
namespace {

using Names = std::vector<std::string>;

TEST(NearNames, FindsMistypedOnes) {
  const Names known = {"Q4_K_M", "Q5_K_M", "Q8_0", "BF16"};
  EXPECT_EQ(near_names("Q4KM", known, 1), Names{"Q4_K_M"});
  EXPECT_EQ(near_names("q8_1", known), Names{"Q8_0"});
  EXPECT_EQ(near_names("safetensors", known), Names{});
  EXPECT_EQ(near_names("", known), Names{});
}

TEST(NearNames, NamesThatContainTheNameComeFirst) {
  const Names known = {"qwen-1", "org/Qwen3-0.6B", "qwen3x"};
  EXPECT_EQ(near_names("Qwen3", known), (Names{"org/Qwen3-0.6B", "qwen3x", "qwen-1"}));
  EXPECT_EQ(near_names("Qwen3", known, 1).size(), 1u);
}

TEST(NearNames, LongNamesCostNothing) {
  const Names known = {std::string(1 << 20, 'a')};
  EXPECT_TRUE(near_names(std::string(1 << 20, 'b'), known).empty());
  EXPECT_TRUE(near_names("b", known).empty());
}

TEST(NearNames, Words) {
  EXPECT_EQ(near_words({}), "");
  EXPECT_EQ(near_words(Names{"a", "b\n"}), "; near it: a, b\\n");
}

}  // namespace
}  // namespace exogpu
