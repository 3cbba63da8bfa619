#include "telemetry/alerts/alert_rules.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>

#include "base/units.h"

namespace exogpu::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using wire::Metric;
using wire::Severity;

class Alerts : public testing::Test {
 protected:
  Alerts() {
    facts.telemetry.push_back(
        {.name = "desk",
         .subjects = {
             {.subject = {.id = "machine", .name = "desk"}},
             {.subject = {
                  .id = "cuda0", .name = "A GPU", .kind = wire::SubjectKind::discrete, .temperature_limit_c = 90}}}});
    facts.nodes = {{.name = "desk", .version = "1"}, {.name = "attic", .version = "1"}};
  }

  wire::MetricValues& machine() { return facts.telemetry[0].subjects[0].values; }
  wire::MetricValues& device() { return facts.telemetry[0].subjects[1].values; }

  // As time passes, a call a second.
  void pass(Duration time) {
    for (Duration passed{}; passed < time; passed += seconds(1)) {
      now += seconds(1);
      unix_ms += 1000;
      changes += rules.update(facts, now, unix_ms) ? 1 : 0;
    }
  }
  const wire::Alert* find(const std::string& name) const {
    const auto found = std::ranges::find(rules.alerts(), name, &wire::Alert::name);
    return found == rules.alerts().end() ? nullptr : &*found;
  }
  // The alert of this name begins `begins` seconds after `bad`, and ends `ends` seconds after `good`.
  void expect_rule(const std::string& name, int64_t begins, int64_t ends, const std::function<void()>& bad,
                   const std::function<void()>& good) {
    pass(seconds(5));
    EXPECT_FALSE(find(name)) << "without a cause";
    bad();
    if (begins > 1) {
      pass(seconds(begins - 1));
      EXPECT_FALSE(find(name)) << "too early";
    }
    pass(seconds(2));
    ASSERT_TRUE(find(name));
    EXPECT_FALSE(find(name)->summary.empty() || find(name)->cause.empty() || find(name)->remedy.empty());
    pass(seconds(100));
    ASSERT_TRUE(find(name));
    good();
    if (ends > 1) {
      pass(seconds(ends - 1));
      EXPECT_TRUE(find(name)) << "ended too early";
    }
    pass(seconds(2));
    EXPECT_FALSE(find(name));
  }

  AlertFacts facts;
  AlertRules rules;
  Time now{seconds(10'000)};
  uint64_t unix_ms = 1'800'000'000'000;
  int changes = 0;
};

TEST_F(Alerts, ADeviceIsHot) {
  expect_rule(
      "device_hot", 10, 30, [&] { device()[Metric::temperature_c] = 85; },
      [&] { device()[Metric::temperature_c] = 79; });
}

TEST_F(Alerts, BetweenBothBoundsNothingBeginsOrEnds) {
  device()[Metric::temperature_c] = 82;
  pass(minutes(5));
  EXPECT_FALSE(find("device_hot"));
  device()[Metric::temperature_c] = 86;
  pass(seconds(12));
  EXPECT_TRUE(find("device_hot"));
  device()[Metric::temperature_c] = 82;
  pass(minutes(5));
  ASSERT_TRUE(find("device_hot"));
  EXPECT_EQ(changes, 1) << "an alert is told once";
}

TEST_F(Alerts, WhatIsShortIsNone) {
  for (int i = 0; i < 20; ++i) {
    device()[Metric::temperature_c] = 89;
    pass(seconds(8));
    device()[Metric::temperature_c] = 80;
    pass(seconds(1));
  }
  EXPECT_FALSE(find("device_hot"));
}

TEST_F(Alerts, WhatGetsWorseIsToldAgainSinceItsBeginning) {
  device()[Metric::temperature_c] = 86;
  pass(seconds(20));
  ASSERT_TRUE(find("device_hot"));
  const wire::Alert before = *find("device_hot");
  EXPECT_EQ(before.severity, Severity::warning);
  EXPECT_EQ(before.node, "desk");
  EXPECT_EQ(before.subject, "cuda0");
  EXPECT_EQ(before.since_unix_ms, 1'800'000'001'000U) << "when it was beyond the bound first";
  device()[Metric::temperature_c] = 89;
  pass(seconds(1));
  EXPECT_EQ(find("device_hot")->severity, Severity::critical);
  EXPECT_EQ(find("device_hot")->since_unix_ms, before.since_unix_ms);
}

TEST_F(Alerts, ADeviceThrottles) {
  expect_rule(
      "device_throttling", 5, 60,
      [&] { device()[Metric::throttling] = wire::throttling::kBrake | wire::throttling::kPower; },
      [&] { device()[Metric::throttling] = wire::throttling::kPower; });
}

TEST_F(Alerts, MemoryOfADeviceIsNearlyGone) {
  device()[Metric::memory_total_bytes] = 80.0 * GiB;
  expect_rule(
      "memory_low", 10, 10, [&] { device()[Metric::memory_used_bytes] = 79.0 * GiB; },
      [&] { device()[Metric::memory_used_bytes] = 70.0 * GiB; });
}

TEST_F(Alerts, AMachineIsShortOfMemory) {
  expect_rule(
      "memory_low", 1, 5, [&] { facts.nodes[1].memory_short = true; }, [&] { facts.nodes[1].memory_short = false; });
}

TEST_F(Alerts, ABatteryIsLowUnlessItIsCharged) {
  machine()[Metric::on_battery] = 1;
  expect_rule(
      "battery_low", 1, 5, [&] { machine()[Metric::charge] = 0.19; }, [&] { machine()[Metric::on_battery] = 0; });
}

TEST_F(Alerts, TheDiskOfACacheIsFull) {
  expect_rule(
      "cache_disk_full", 5, 5, [&] { machine()[Metric::cache_free_bytes] = 1e9; },
      [&] { machine()[Metric::cache_free_bytes] = 3e9; });
}

TEST_F(Alerts, AClockIsWrong) {
  expect_rule(
      "clock_skew", 10, 10, [&] { facts.telemetry[0].clock_offset_s = -7; },
      [&] { facts.telemetry[0].clock_offset_s = 0.5; });
}

TEST_F(Alerts, ANodeComesAndGoes) {
  const auto go = [&] {
    for (const bool online : {false, true}) {
      facts.nodes[1].online = online;
      pass(seconds(20));
    }
  };
  pass(seconds(1));
  go();
  go();
  EXPECT_FALSE(find("node_flapping"));
  go();
  ASSERT_TRUE(find("node_flapping"));
  EXPECT_EQ(find("node_flapping")->node, "attic");
  pass(minutes(8));
  EXPECT_TRUE(find("node_flapping"));
  pass(minutes(2));
  EXPECT_FALSE(find("node_flapping"));
}

TEST_F(Alerts, NodesOfDifferentVersions) {
  expect_rule("version_skew", 30, 1, [&] { facts.nodes[1].version = "2"; }, [&] { facts.nodes[1].online = false; });
}

TEST_F(Alerts, ALinkLosesALot) {
  facts.links = {{.from = "desk", .to = "attic", .loss = 0}};
  expect_rule("link_lossy", 10, 30, [&] { facts.links[0].loss = 0.05; }, [&] { facts.links[0].loss = 0.001; });
}

TEST_F(Alerts, ALinkIsSlow) {
  facts.links = {{.from = "desk", .to = "attic"}};
  expect_rule("link_slow", 1, 1, [&] { facts.links[0].bytes_per_s = 1e6; }, [&] { facts.links[0].bytes_per_s = 1e8; });
}

TEST_F(Alerts, ALinkIsSlowerThanItWas) {
  facts.links = {{.from = "desk", .to = "attic", .bytes_per_s = 1e8}};
  expect_rule("link_slow", 1, 1, [&] { facts.links[0].bytes_per_s = 2e7; }, [&] { facts.links[0].bytes_per_s = 6e7; });
}

TEST_F(Alerts, AModelIsSlowerThanPredicted) {
  facts.models = {{.name = "llama", .predicted_tokens_per_s = 10, .tokens_per_s = 9}};
  expect_rule(
      "slower_than_predicted", 60, 10, [&] { facts.models[0].tokens_per_s = 6; },
      [&] { facts.models[0].tokens_per_s.reset(); });
}

TEST_F(Alerts, LayersWithoutASpareCopy) {
  facts.models = {{.name = "llama"}};
  expect_rule(
      "no_spare_copy", 300, 1, [&] { facts.models[0].without_spare = "the layers 0-3 on desk"; },
      [&] { facts.models[0].without_spare.clear(); });
}

TEST_F(Alerts, ThoseOfADeviceThatIsGoneEnd) {
  device()[Metric::temperature_c] = 90;
  pass(seconds(20));
  ASSERT_TRUE(find("device_hot"));
  facts.telemetry.clear();
  pass(seconds(32));
  EXPECT_FALSE(find("device_hot"));
}

TEST_F(Alerts, TheNextLeaderKnowsSinceWhen) {
  device()[Metric::temperature_c] = 90;
  pass(seconds(20));
  ASSERT_TRUE(find("device_hot"));
  const std::vector<wire::Alert> of_leader = rules.alerts();
  pass(minutes(2));
  rules = AlertRules();
  rules.adopt(of_leader);
  pass(seconds(20));
  ASSERT_TRUE(find("device_hot"));
  EXPECT_EQ(find("device_hot")->since_unix_ms, of_leader[0].since_unix_ms);
}

// Whatever a sensor says, an alert lasts at least as long as its rule's times.
RC_GTEST_PROP(AlertRules, DoNotFlicker, ()) {
  AlertRules rules;
  AlertFacts facts;
  facts.telemetry.push_back(
      {.name = "desk",
       .subjects = {
           {.subject = {.id = "gpu", .name = "GPU", .kind = wire::SubjectKind::discrete, .temperature_limit_c = 90}}}});
  Time now{seconds(10'000)};
  std::optional<Time> begun_at, ended_at;
  for (const int celsius : *rc::gen::container<std::vector<int>>(400, rc::gen::inRange(70, 95))) {
    now += seconds(1);
    facts.telemetry[0].subjects[0].values[Metric::temperature_c] = celsius;
    if (!rules.update(facts, now, 1'800'000'000'000)) continue;
    if (!rules.alerts().empty() && !begun_at) {
      RC_ASSERT(!ended_at || now - *ended_at >= seconds(10));
      begun_at = now;
    } else if (rules.alerts().empty()) {
      RC_ASSERT(begun_at && now - *begun_at >= seconds(30));
      begun_at.reset();
      ended_at = now;
    }
  }
}

}  // namespace
}  // namespace exogpu::telemetry
