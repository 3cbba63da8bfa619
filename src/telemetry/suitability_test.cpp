#include "telemetry/suitability.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "telemetry/snapshot.h"

namespace exogpu::telemetry {
namespace {

using wire::Metric;

wire::MetricValues device(std::optional<double> used, std::optional<double> total, std::optional<double> load = {},
                          std::optional<double> celsius = {}) {
  wire::MetricValues values;
  values[Metric::memory_used_bytes] = used;
  values[Metric::memory_total_bytes] = total;
  values[Metric::utilization] = load;
  values[Metric::temperature_c] = celsius;
  return values;
}

TEST(Suitability, SixtyPercentFreeMemoryAndFortyFreeCompute) {
  EXPECT_DOUBLE_EQ(suitability(device(0, 100, 0.0, 40.0)).value(), 1);
  EXPECT_DOUBLE_EQ(suitability(device(100, 100, 0.0)).value(), 0.4);
  EXPECT_DOUBLE_EQ(suitability(device(0, 100, 1.0)).value(), 0.6);
  EXPECT_DOUBLE_EQ(suitability(device(25, 100, 0.5)).value(), 0.6 * 0.75 + 0.4 * 0.5);
  EXPECT_DOUBLE_EQ(suitability(device(100, 100, 1.0)).value(), 0);
}

TEST(Suitability, APenaltyAboveEightyDegrees) {
  EXPECT_DOUBLE_EQ(suitability(device(0, 100, 0.0, 80.0)).value(), 1);
  EXPECT_DOUBLE_EQ(suitability(device(0, 100, 0.0, 84.0)).value(), 0.8);
  EXPECT_DOUBLE_EQ(suitability(device(0, 100, 0.0, 100.0)).value(), 0);
  EXPECT_DOUBLE_EQ(suitability(device(0, 100, 0.0, 150.0)).value(), 0);
}

TEST(Suitability, WhatIsNotMeasured) {
  EXPECT_FALSE(suitability(device({}, 100)));
  EXPECT_FALSE(suitability(device(5, {})));
  EXPECT_FALSE(suitability(device(0, 0)));
  EXPECT_DOUBLE_EQ(suitability(device(50, 100)).value(), 0.7) << "counts as idle and cool";
}

RC_GTEST_PROP(Suitability, StaysFromZeroToOneAndFallsWithLoadMemoryAndHeat, ()) {
  const double total = *rc::gen::inRange(1, 1000), used = *rc::gen::inRange(0, 1200);
  const double load = *rc::gen::inRange(0, 100) / 100.0, celsius = *rc::gen::inRange(0, 130);
  const double score = suitability(device(used, total, load, celsius)).value();
  RC_ASSERT(score >= 0 && score <= 1);
  RC_ASSERT(suitability(device(used + 10, total, load, celsius)).value() <= score);
  RC_ASSERT(suitability(device(used, total, load + 0.1, celsius)).value() <= score);
  RC_ASSERT(suitability(device(used, total, load, celsius + 5)).value() <= score);
}

TEST(Ranking, TheBestDeviceThatHasTheMemory) {
  const auto subject = [](const std::string& id, double used, double total) {
    SubjectTelemetry out{.subject = {.id = id, .name = id, .kind = wire::SubjectKind::discrete},
                         .values = device(used, total)};
    out.suitability = suitability(out.values);
    return out;
  };
  TelemetrySnapshot snapshot;
  snapshot.nodes.push_back({.name = "desk", .subjects = {subject("cuda0", 10, 100), subject("cuda1", 0, 20)}});
  snapshot.nodes.push_back(
      {.name = "attic", .subjects = {subject("cpu", 0, 20), {.subject = {.id = "machine", .name = ""}}}});
  const auto all = ranking(snapshot);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].node + all[0].device, "atticcpu");
  EXPECT_EQ(all[1].node + all[1].device, "deskcuda1");
  EXPECT_EQ(all[2].node + all[2].device, "deskcuda0");
  const auto large = ranking(snapshot, 50);
  ASSERT_EQ(large.size(), 1U);
  EXPECT_EQ(large[0].device, "cuda0");
  EXPECT_DOUBLE_EQ(large[0].memory_free_bytes, 90);
  EXPECT_TRUE(ranking(snapshot, 91).empty());
}

}  // namespace
}  // namespace exogpu::telemetry
