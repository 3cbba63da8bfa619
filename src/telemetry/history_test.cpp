#include "telemetry/history.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "telemetry/collection.h"

namespace exogpu::telemetry {
namespace {

using wire::Metric;

wire::MetricValues with(Metric metric, std::optional<double> value) {
  wire::MetricValues values;
  values[metric] = value;
  return values;
}

TEST(History, TheLastSamplesTheOldestFirst) {
  History history;
  EXPECT_EQ(history.samples(Metric::power_w, 2), (std::vector<std::optional<float>>(2)));
  for (uint64_t i = 0; i < 5; ++i) history.append(i, with(Metric::power_w, static_cast<double>(i)));
  EXPECT_EQ(history.samples(Metric::power_w, 3), (std::vector<std::optional<float>>{2, 3, 4}));
  EXPECT_EQ(history.samples(Metric::power_w, 6), (std::vector<std::optional<float>>{{}, 0, 1, 2, 3, 4}));
  history.append(5, {});
  history.append(8, with(Metric::power_w, 8));
  EXPECT_EQ(history.samples(Metric::power_w, 5), (std::vector<std::optional<float>>{4, {}, {}, {}, 8}));
  EXPECT_EQ(history.samples(Metric::power_w, 100'000).size(), kFineValues);
}

TEST(History, MeansOverTenSeconds) {
  History history;
  for (uint64_t i = 0; i < 40; ++i) history.append(i, with(Metric::temperature_c, i < 20 ? 50 : 60 + (i % 2)));
  EXPECT_EQ(history.means(Metric::temperature_c, 1), (std::vector<std::optional<float>>{50}));
  history.append(40, {});
  EXPECT_EQ(history.means(Metric::temperature_c, 3), (std::vector<std::optional<float>>{{}, 50, 60.5}));
  history.append(100'000, {});
  EXPECT_EQ(history.means(Metric::temperature_c, 2), (std::vector<std::optional<float>>{{}, {}}));
}

TEST(History, ReasonsOfThrottlingAddUp) {
  History history;
  for (uint64_t i = 0; i <= 20; ++i) history.append(i, with(Metric::throttling, i == 3 ? 1 : i == 5 ? 2 : 0));
  EXPECT_EQ(history.means(Metric::throttling, 1), (std::vector<std::optional<float>>{3}));
}

// Against a map that keeps everything.
RC_GTEST_PROP(History, HasWhatWasAppended, ()) {
  History history;
  std::map<uint64_t, double> all;
  uint64_t number = 0;
  for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 400))) {
    number += static_cast<uint64_t>(step);
    if (step % 3 != 0) all[number] = step;
    history.append(number, with(Metric::power_w, step % 3 != 0 ? std::optional<double>(step) : std::nullopt));
  }
  const auto values = history.samples(Metric::power_w, kFineValues);
  for (size_t i = 0; i < values.size() && i <= number; ++i) {
    const auto found = all.find(number - i);
    const std::optional<float> expected =
        found == all.end() ? std::nullopt : std::optional(static_cast<float>(found->second));
    RC_ASSERT(values[values.size() - 1 - i] == expected);
  }
}

TEST(Collection, ADayOf128DevicesTakesLessThan64MiB) {
  Collection collection;
  const Time start{};
  for (uint8_t n = 0; n < 16; ++n) {
    std::array<uint8_t, wire::kKeyHashBytes> id{};
    id[0] = n;
    const wire::NodeId node(id);
    Sample sample{.at = start};
    for (int device = 0; device <= 8; ++device) {
      sample.subjects.push_back({.id = std::to_string(device), .name = "GPU"});
      wire::MetricValues values;
      for (const Metric metric :
           {Metric::memory_used_bytes, Metric::memory_total_bytes, Metric::utilization, Metric::power_w,
            Metric::temperature_c, Metric::clock_mhz, Metric::throttling, Metric::fan, Metric::shard_bytes}) {
        values[metric] = 1;
      }
      sample.values.push_back(values);
    }
    collection.on_sample(node, sample);
  }
  collection.advance(start);
  EXPECT_LE(collection.bytes(), 64 * MiB);
  EXPECT_GE(collection.bytes(), 40 * MiB) << "the rings are whole from the beginning";
}

}  // namespace
}  // namespace exogpu::telemetry
