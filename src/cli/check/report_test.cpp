#include "cli/check/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace exogpu::cli {
namespace {

CheckReport some_check() {
  CheckReport report;
  report.model = "m.gguf";
  report.plan = "cpu 0-5, vulkan0 6-11";
  report.reference = "cpu";
  report.tokens = 5;
  for (const double kl : {0.0, 0.001, 0.002, 0.009}) report.agreement.add(kl < 0.005, kl);
  report.loss_of_plan = std::log(12.5);
  report.loss_of_reference = std::log(12.25);
  return report;
}

TEST(CheckOutput, SaysHowFarThePlanIsFromTheReference) {
  EXPECT_EQ(as_text(some_check()),
            "m.gguf: 5 tokens by cpu 0-5, vulkan0 6-11, against cpu alone\n"
            "top-1 agreement   75.00 % (3 of 4 tokens)\n"
            "KL divergence     0.003 nats in the mean, 0.009 at most at one token\n"
            "perplexity        12.5 against 12.25\n");
}

TEST(CheckOutput, SaysWhatIsConvertedAndWhatIsALowerBound) {
  CheckReport report = some_check();
  report.at_least = true;
  report.converted = {{.type = "mxfp4", .held_as = "q8_0", .how = "exactly", .tensors = 24, .bytes = 3 * MiB}};
  const std::string text = as_text(report);
  EXPECT_TRUE(text.contains("\nholds 24 tensors of mxfp4 as q8_0 (3.00 MiB): exactly\n")) << text;
  EXPECT_TRUE(text.contains("at least 0.003 nats")) << text;
  EXPECT_TRUE(text.contains("lower bound")) << text;
  const auto json = nlohmann::json::parse(as_json(report));
  EXPECT_EQ(json["top1_agreement"], 0.75);
  EXPECT_EQ(json["kl_is_lower_bound"], true);
  EXPECT_EQ(json["converted"][0]["held_as"], "q8_0");
}

}  // namespace
}  // namespace exogpu::cli
