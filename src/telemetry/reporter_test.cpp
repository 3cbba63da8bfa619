#include "telemetry/reporter.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "telemetry/collection.h"

namespace exogpu::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Metric;

const Time kStart{seconds(1000)};
const wire::NodeId kNode{};

Sample sample_of(Time at, double celsius, double watts = 100) {
  Sample sample{.at = at};
  sample.subjects = {{.id = "machine", .name = "desk"},
                     {.id = "cuda0", .name = "GPU", .kind = wire::SubjectKind::discrete}};
  sample.values.resize(2);
  sample.values[1][Metric::temperature_c] = celsius;
  sample.values[1][Metric::power_w] = watts;
  sample.values[1][Metric::throttling] = 0;
  return sample;
}

TEST(Reporter, RegistersFirstAndThenReportsChanges) {
  Reporter reporter(7);
  EXPECT_FALSE(reporter.welcome(1).registration);
  const Report first = reporter.update(sample_of(kStart, 50), true, 1);
  ASSERT_TRUE(first.registration && first.heartbeat);
  EXPECT_EQ(first.registration->session, first.heartbeat->session);
  EXPECT_EQ(first.heartbeat->changes.size(), 3U);
  EXPECT_FALSE(reporter.update(sample_of(kStart + milliseconds(500), 50.5, 103), true, 2).heartbeat);
  const Report second = reporter.update(sample_of(kStart + seconds(1), 51, 103), true, 3);
  EXPECT_FALSE(second.registration);
  ASSERT_TRUE(second.heartbeat);
  EXPECT_EQ(second.heartbeat->changes,
            (std::vector<wire::TelemetryChange>{{.subject = 1, .metric = Metric::temperature_c, .value = 51.0F}}));
}

TEST(Reporter, OfAnIdleNodeChangesAreGathered) {
  Reporter reporter(7);
  reporter.update(sample_of(kStart, 50), false, 1);
  for (int i = 1; i < 10; ++i) {
    EXPECT_FALSE(reporter.update(sample_of(kStart + i * milliseconds(500), 50 + 2 * i), false, 1).heartbeat) << i;
  }
  EXPECT_TRUE(reporter.update(sample_of(kStart + seconds(5), 70), false, 1).heartbeat);
  Sample throttles = sample_of(kStart + milliseconds(5500), 90);
  throttles.values[1][Metric::throttling] = wire::throttling::kHeat;
  const Report at_once = reporter.update(throttles, false, 1);
  ASSERT_TRUE(at_once.heartbeat);
  EXPECT_EQ(at_once.heartbeat->changes.size(), 2U) << "with what else has changed";
}

TEST(Reporter, ValuesThatComeAndGo) {
  Reporter reporter(7);
  reporter.update(sample_of(kStart, 50), true, 1);
  Sample without = sample_of(kStart + milliseconds(500), 50);
  without.values[1][Metric::power_w].reset();
  const Report gone = reporter.update(without, true, 1);
  ASSERT_TRUE(gone.heartbeat);
  EXPECT_EQ(gone.heartbeat->changes,
            (std::vector<wire::TelemetryChange>{{.subject = 1, .metric = Metric::power_w, .value = {}}}));
  Sample more = without;
  more.subjects.push_back({.id = "cuda1", .name = "GPU"});
  more.values.emplace_back();
  EXPECT_TRUE(reporter.update(more, true, 1).registration) << "another device";
}

// Whatever the sensors say: who received all reports, or only the welcome, knows each value to its dead band.
RC_GTEST_PROP(Reporter, AReceiverKnowsAllToTheDeadBand, ()) {
  Reporter reporter(7);
  Collection early, late;
  const auto receive = [](Collection& into, const Report& report, Time at) {
    if (report.registration) into.on_registration(kNode, *report.registration, at);
    if (report.heartbeat) into.on_heartbeat(kNode, *report.heartbeat, at, 1);
  };
  Time at = kStart;
  Sample sample;
  for (const int celsius : *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(300, 900)))) {
    sample = sample_of(at += milliseconds(500), celsius / 10.0, celsius);
    if (celsius % 7 == 0) sample.values[1][Metric::power_w].reset();
    receive(early, reporter.update(sample, true, 1), at);
  }
  receive(late, reporter.welcome(1), at);
  for (const Collection* each : {&early, &late}) {
    const auto nodes = each->nodes(at, {});
    RC_ASSERT(nodes.size() == 1U && nodes[0].subjects.size() == 2U);
    for (const Metric metric : {Metric::temperature_c, Metric::power_w, Metric::throttling}) {
      RC_ASSERT(!is_change(metric, nodes[0].subjects[1].values[metric], sample.values[1][metric]));
    }
  }
}

// 0.5 kB/s is what the heartbeats of the cluster leave of 2 kB/s. A frame costs about 200 bytes with TLS, TCP, IP,
// Ethernet and its acknowledgement.
TEST(Reporter, AnIdleMachineOfEightNoisyDevicesStaysBelowHalfAKilobytePerSecond) {
  Reporter reporter(7);
  size_t bytes = 0;
  for (int i = 0; i < 1200; ++i) {
    Sample sample{.at = kStart + i * milliseconds(500)};
    for (int device = 0; device < 9; ++device) {
      sample.subjects.push_back({.id = std::to_string(device), .name = "GPU"});
      wire::MetricValues values;
      const double noise = ((i * 7919 + device * 104729) % 1000) / 1000.0;
      values[Metric::temperature_c] = 40 + 2 * noise;
      values[Metric::power_w] = 60 + 8 * noise;
      values[Metric::utilization] = 0.1 * noise;
      values[Metric::clock_mhz] = 300 + 200 * noise;
      values[Metric::memory_used_bytes] = 1e9 + 1e6 * noise;
      sample.values.push_back(values);
    }
    const Report report = reporter.update(sample, false, 1'800'000'000'000);
    if (i > 0 && report.heartbeat) bytes += 200 + encode(*report.heartbeat).size();
  }
  EXPECT_LT(static_cast<double>(bytes) / 600, 500);
  EXPECT_GT(bytes, 0U);
}

}  // namespace
}  // namespace exogpu::telemetry
