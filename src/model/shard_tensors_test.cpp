#include "model/shard_tensors.h"

#include <gtest/gtest.h>

namespace exogpu::model {
namespace {

TEST(ShardTensors, LayersAreInTheirNames) {
  EXPECT_EQ(layer_of("blk.0.attn_q.weight"), 0u);
  EXPECT_EQ(layer_of("blk.127.ffn_up.weight"), 127u);
  for (const char* name : {"blk.", "blk.x.y", "blk.7", "blk.-1.a", "blk.99999999999.a", "token_embd.weight", ""}) {
    EXPECT_EQ(layer_of(name), std::nullopt) << name;
  }
}

TEST(ShardTensors, EndsGoToTheEnds) {
  struct Case {
    const char* name;
    bool first, middle, last, last_tied;
  };
  for (const Case& c :
       {Case{"token_embd.weight", true, false, false, true}, Case{"output.weight", false, false, true, true},
        Case{"output_norm.weight", false, false, true, true}, Case{"rope_freqs.weight", true, true, true, true},
        Case{"something.new", true, true, true, true}, Case{"blk.0.attn_q.weight", true, false, false, false},
        Case{"blk.4.attn_q.weight", false, true, false, false},
        Case{"blk.9.attn_q.weight", false, false, true, true}}) {
    EXPECT_EQ(shard_reads(c.name, {0, 3}, 10, false), c.first) << c.name;
    EXPECT_EQ(shard_reads(c.name, {3, 6}, 10, false), c.middle) << c.name;
    EXPECT_EQ(shard_reads(c.name, {6, 10}, 10, false), c.last) << c.name;
    EXPECT_EQ(shard_reads(c.name, {6, 10}, 10, true), c.last_tied) << c.name;
    EXPECT_TRUE(shard_reads(c.name, {0, 10}, 10, true));
    EXPECT_FALSE(shard_reads(c.name, {0, 0}, 10, false));
  }
}

}  // namespace
}  // namespace exogpu::model
