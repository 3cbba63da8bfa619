#include "cli/model_settings.h"

#include <gtest/gtest.h>

namespace exogpu::cli {
namespace {

node::ServeSettings base() {
  return {.serving = {.context = 0, .sequences = 0}, .devices_min = 2, .keep_loaded_s = 1800};
}

TEST(ModelSettings, ReplaceThoseOfAllModels) {
  const auto settings = parse_model_settings(
      "demo-Q4_K_M  context=8192 parallel=2 kv-type=q8_0 keep-loaded=0.5 top-p=0.9 top-k=20", base());
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->model, "demo-Q4_K_M");
  EXPECT_EQ(settings->serve.serving.context, 8192U);
  EXPECT_EQ(settings->serve.serving.sequences, 2U);
  EXPECT_EQ(settings->serve.serving.kv_type, wire::KvType::q8_0);
  EXPECT_EQ(settings->serve.keep_loaded_s, 30U);
  EXPECT_EQ(settings->serve.devices_min, 2U);
  EXPECT_EQ(settings->sampling, (api::SamplingDefaults{{"top_k", 20}, {"top_p", 0.9}}));
  EXPECT_EQ(parse_model_settings("demo", base())->serve.keep_loaded_s, 1800U);
}

TEST(ModelSettings, WhatIsWrongIsNamed) {
  for (const auto& [text, words] :
       {std::pair("", "its name"), std::pair("demo context", "KEY=VALUE"), std::pair("demo context=many", "no number"),
        std::pair("demo context=0", "at least 1"), std::pair("demo context=4294967296", "too large"),
        std::pair("demo kv-type=f64", "f16"), std::pair("demo colour=1", "colour"),
        std::pair("demo top-p=2", "cannot be 2"), std::pair("demo context=100 pool=50", "no room")}) {
    const auto settings = parse_model_settings(text, base());
    ASSERT_FALSE(settings) << text;
    EXPECT_TRUE(settings.error().message.contains(words)) << settings.error().message;
  }
}

}  // namespace
}  // namespace exogpu::cli
