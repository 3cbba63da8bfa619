#include "wire/serving_settings.h"

#include <gtest/gtest.h>

namespace exogpu::wire {
namespace {

TEST(ServingSettings, EveryWordIsReadBack) {
  const auto expect_all = [](const auto& words) {
    for (const auto& word : words) {
      EXPECT_EQ(words.parse(word.text), word.value);
      EXPECT_EQ(to_string(word.value), word.text);
      EXPECT_EQ(words.at_number(static_cast<uint32_t>(word.value), "a plan"), word.value);
    }
  };
  expect_all(kKvTypes);
  expect_all(kFlashAttentions);
  expect_all(kObjectives);
  expect_all(kActivationTypes);
}

TEST(ServingSettings, TheErrorOfAnUnknownWordNamesTheKnownWords) {
  EXPECT_EQ(kKvTypes.parse("q4").error().message, "\"q4\" is not a KV cache type; choose f16, q8_0 or f32");
  EXPECT_EQ(kObjectives.parse("speed").error().message,
            "\"speed\" is not an objective; choose latency, throughput, first-token or efficiency");
  EXPECT_FALSE(kActivationTypes.parse("i32"));
  EXPECT_FALSE(kFlashAttentions.parse(""));
}

TEST(ServingSettings, ANumberThatIsNotKnownIsNamed) {
  EXPECT_EQ(kObjectives.at_number(7, "a plan").error().message, "a plan with an objective that is not known here (7)");
  EXPECT_FALSE(kActivationTypes.at_number(5, "a plan"));  // i32
}

}  // namespace
}  // namespace exogpu::wire
