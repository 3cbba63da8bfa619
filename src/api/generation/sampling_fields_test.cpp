#include "api/generation/sampling_fields.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

node::GenerationRequest sampled(const nlohmann::ordered_json& body) {
  node::GenerationRequest request{.model = {}, .prompt = std::string("x"), .options = {}};
  EXPECT_TRUE(read_sampling(Fields(body), request, 7));
  return request;
}

TEST(SamplingDefaults, ApplyWhereTheClientSaysNothing) {
  const SamplingDefaults defaults{{"temperature", 0.25}, {"top_k", -1}, {"repeat_penalty", 1.5}};
  ASSERT_TRUE(check_defaults(defaults));
  node::GenerationRequest silent = sampled(nlohmann::ordered_json::object());
  apply_defaults(defaults, silent);
  EXPECT_FLOAT_EQ(silent.options.sampling.temperature, 0.25F);
  EXPECT_EQ(silent.options.sampling.top_k, 0U);
  EXPECT_FLOAT_EQ(silent.options.sampling.repeat_penalty, 1.5F);

  // The penalty by the name that other servers have for it.
  node::GenerationRequest says = sampled({{"temperature", 0}, {"top_k", 3}, {"repetition_penalty", 1.25}});
  apply_defaults(defaults, says);
  EXPECT_FLOAT_EQ(says.options.sampling.temperature, 0);
  EXPECT_EQ(says.options.sampling.top_k, 3U);
  EXPECT_FLOAT_EQ(says.options.sampling.repeat_penalty, 1.25F);
}

TEST(SamplingDefaults, AreCheckedAsAClientsFieldsAre) {
  for (const SamplingDefaults& wrong : {SamplingDefaults{{"temperature", -1}}, SamplingDefaults{{"top_k", 1.5}},
                                        SamplingDefaults{{"top_k", -2}}, SamplingDefaults{{"seed", 1}}}) {
    EXPECT_FALSE(check_defaults(wrong)) << wrong.begin()->first;
  }
}

}  // namespace
}  // namespace exogpu::api
