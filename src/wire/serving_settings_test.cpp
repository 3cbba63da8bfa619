#include "wire/serving_settings.h"

#include <gtest/gtest.h>

namespace exogpu::wire {
namespace {

TEST(ServingSettings, EveryWordIsReadBack) {
  for (const KvType each : kKvTypes) EXPECT_EQ(parse_kv_type(to_string(each)), each);
  for (const FlashAttention each : kFlashAttentions) EXPECT_EQ(parse_flash_attention(to_string(each)), each);
  for (const Objective each : kObjectives) EXPECT_EQ(parse_objective(to_string(each)), each);
  for (const Dtype each : kActivationTypes) EXPECT_EQ(parse_activation_type(to_string(each)), each);
}

TEST(ServingSettings, AWordThatThereIsNotGetsThoseThatThereAre) {
  EXPECT_EQ(parse_kv_type("q4").error().message, "\"q4\" is not a KV cache type; choose f16, q8_0 or f32");
  EXPECT_EQ(parse_objective("speed").error().message,
            "\"speed\" is not an objective; choose latency, throughput or first-token");
  EXPECT_FALSE(parse_activation_type("i32"));
  EXPECT_FALSE(parse_flash_attention(""));
}

}  // namespace
}  // namespace exogpu::wire
