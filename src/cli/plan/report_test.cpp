#include "cli/plan/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace exogpu::cli {
namespace {

struct Case {
  wire::ClusterView view;
  wire::ModelShape shape;
  placement::PlacementRequest request;
  placement::PlacementResult answer;
  PlanReport report() const { return {.view = view, .shape = shape, .request = request, .answer = answer}; }
};

// A card that reads 1 TB/s and a processor of 50 GB/s, ten layers of 1 GB.
Case example_case(Bytes card_memory, uint32_t sequences = 1) {
  Case c;
  auto device = [](const char* id, const char* name, Bytes memory, double rate, bool host) {
    wire::DeviceProfile profile;
    profile.id.device = id;
    profile.name = name;
    profile.uses_host_memory = host;
    profile.memory_free = memory;
    profile.memory_bytes_per_s = rate;
    profile.rates = {{.type = "q4_K", .bits_per_weight = 4.5, .matvec_bytes_per_s = rate, .matmul_flops_per_s = 1e13}};
    profile.upload_bytes_per_s = profile.download_bytes_per_s = 1e10;
    return profile;
  };
  c.view.devices = {device("cuda0", "Card", card_memory, 1e12, false),
                    device("cpu", "Processor", 64'000'000'000, 5e10, true)};
  c.shape.name = "model.gguf";
  c.shape.bits_per_weight = 4.5;
  c.shape.activation_width = 4096;
  c.shape.vocabulary = 100'000;
  c.shape.layers.assign(10, {.weight_bytes = 1'000'000'000,
                             .active_weight_bytes = 1'000'000'000,
                             .kv_bytes_per_token = 1000,
                             .flops_per_token = 2e9});
  c.request.serving.sequences = sequences;
  auto answer = placement::assign_layers(c.view, c.shape, c.request);
  EXPECT_TRUE(answer) << answer.error().message;
  c.answer = *std::move(answer);
  return c;
}

TEST(PlanReport, AModelThatFits) {
  EXPECT_EQ(as_text(example_case(24'000'000'000).report()),
            R"(model.gguf: 10 layers, 9.31 GiB of weights; room for 4,096 tokens of context
The best plan for the most tokens per second of one sequence alone, by the measured speeds.

LAYERS  DEVICE  NAME  NEEDS     OF FREE   WEIGHTS   KV CACHE  COMPUTE  PER TOKEN
0-9     cuda0   Card  9.35 GiB  22.4 GiB  9.31 GiB  39.1 MiB  0 B      10.0 ms

Predicted: 99.8 tokens/s for one sequence alone (with 2,048 tokens in its context)
           1.02 s to the first token of an answer to 512 tokens

ALTERNATIVE         TOKENS/S ALONE  FIRST TOKEN  LAYERS
best single device  99.8            1.02 s       this plan
best two devices    34.4            942 ms       cuda0 0-8, cpu 9

UNUSED  NAME       WHY
cpu     Processor  slower with it: 34.4 against 99.8 tokens/s
)");
}

TEST(PlanReport, AModelThatNeedsBoth) {
  const std::string text = as_text(example_case(8'500'000'000, 4).report());
  EXPECT_NE(text.find("in each of 4 sequences"), std::string::npos) << text;
  EXPECT_NE(text.find("THEN HOP"), std::string::npos) << text;
  EXPECT_NE(text.find("tokens/s for 4 sequences together"), std::string::npos) << text;
  EXPECT_NE(text.find("TOGETHER"), std::string::npos) << text;
  EXPECT_NE(text.find("cpu 0-9"), std::string::npos) << text;  // alone it could hold all
  EXPECT_EQ(text.find("UNUSED"), std::string::npos) << text;
}

TEST(PlanReport, JsonHasStagesAlternativesAndReasons) {
  const auto json = nlohmann::json::parse(as_json(example_case(24'000'000'000).report()));
  EXPECT_EQ(json["model"], "model.gguf");
  EXPECT_EQ(json["for"], "latency");
  EXPECT_EQ(json["proven_best"], true);
  ASSERT_EQ(json["plan"]["stages"].size(), 1U);
  const auto& stage = json["plan"]["stages"][0];
  EXPECT_EQ(stage["device"]["id"], "cuda0");
  EXPECT_EQ(stage["layer_begin"], 0);
  EXPECT_EQ(stage["layer_end"], 10);
  EXPECT_EQ(stage["weights_bytes"], 10'000'000'000U);
  EXPECT_EQ(stage["cache_bytes"], 40'960'000U);
  EXPECT_NEAR(json["plan"]["predicted"]["tokens_per_s_alone"].get<double>(), 99.8, 0.05);
  EXPECT_EQ(json["alternatives"][0]["name"], "best single device");
  EXPECT_EQ(json["alternatives"][0]["plan"], json["plan"]);
  EXPECT_EQ(json["unused_devices"][0]["constraint"], "speed");
  EXPECT_EQ(json["unused_devices"][0]["device"]["id"], "cpu");
}

}  // namespace
}  // namespace exogpu::cli
