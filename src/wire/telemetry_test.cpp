#include "wire/telemetry.h"

#include <gtest/gtest.h>

#include <limits>

#include "proto/telemetry.pb.h"
#include "wire/testing/messages.h"

namespace exogpu::wire {
namespace {

TelemetryRegistration some_registration() {
  return {.session = 77,
          .interval_ms = 500,
          .subjects = {{.id = "machine", .name = "desk", .metrics = {Metric::charge, Metric::on_battery}},
                       {.id = "cuda0",
                        .name = "NVIDIA H200",
                        .kind = SubjectKind::discrete,
                        .backend = "CUDA",
                        .metrics = {Metric::power_w},
                        .temperature_limit_c = 95.0}}};
}

TEST(TelemetryMessages, ComeBackAsTheyWere) {
  const TelemetryRegistration registration = some_registration();
  EXPECT_EQ(decode<TelemetryRegistration>(encode(registration)).value(), registration);
  const TelemetryHeartbeat heartbeat{.session = 77,
                                     .sent_unix_ms = 1'700'000'000'123,
                                     .changes = {{.subject = 1, .metric = Metric::power_w, .value = 431.5F},
                                                 {.subject = 0, .metric = Metric::charge},
                                                 {.subject = 256, .metric = Metric::fan, .value = 0.0F}}};
  EXPECT_EQ(decode<TelemetryHeartbeat>(encode(heartbeat)).value(), heartbeat);
  const AlertsReported alerts{.alerts = {{.name = "device_hot",
                                          .severity = Severity::critical,
                                          .since_unix_ms = 1'700'000'000'123,
                                          .node = "desk",
                                          .subject = "cuda0",
                                          .summary = "94 °C",
                                          .cause = "dust",
                                          .remedy = "clean it"},
                                         {.name = "version_skew", .severity = Severity::info}}};
  EXPECT_EQ(decode<AlertsReported>(encode(alerts)).value(), alerts);
  EXPECT_EQ(decode<TelemetryWatch>(encode(TelemetryWatch{.seconds = 30}))->seconds, 30U);
  EXPECT_EQ(decode<TelemetryWatch>(encode(TelemetryWatch{.seconds = 1'000'000}))->seconds, 600U);
}

TEST(TelemetryMessages, WhatNoNodeSendsIsRefused) {
  proto::TelemetryHeartbeat uneven;
  uneven.add_keys(3);
  testing::expect_corrupt<TelemetryHeartbeat>(testing::bytes_of(uneven), "1 keys and 0 values");
  proto::TelemetryHeartbeat infinite = uneven;
  infinite.add_values(std::numeric_limits<float>::infinity());
  testing::expect_corrupt<TelemetryHeartbeat>(testing::bytes_of(infinite), "inf");
  proto::TelemetryHeartbeat far;
  far.add_keys(32 * static_cast<uint32_t>(kSubjectsMax));
  far.add_values(1);
  testing::expect_corrupt<TelemetryHeartbeat>(testing::bytes_of(far), "subject 257");
  proto::TelemetryRegistration crowd;
  for (size_t i = 0; i <= kSubjectsMax; ++i) crowd.add_subjects();
  testing::expect_corrupt<TelemetryRegistration>(testing::bytes_of(crowd), "258 entries");
  proto::TelemetryRegistration garbled;
  garbled.add_subjects()->set_id("\xFF\xFE");
  testing::expect_corrupt<TelemetryRegistration>(testing::bytes_of(garbled), "the id of a telemetry subject");
}

TEST(TelemetryMessages, WhatALaterVersionAddsIsSkipped) {
  proto::TelemetryHeartbeat later;
  later.set_version(2);
  later.add_keys(31);
  later.add_values(5);
  later.add_keys(static_cast<uint32_t>(Metric::power_w));
  later.add_values(6);
  const TelemetryHeartbeat read = decode<TelemetryHeartbeat>(testing::bytes_of(later)).value();
  EXPECT_EQ(read.version, 2U);
  EXPECT_EQ(read.changes, (std::vector<TelemetryChange>{{.subject = 0, .metric = Metric::power_w, .value = 6.0F}}));
}

TEST(TelemetryMessages, AHeartbeatOfEightDevicesIsSmall) {
  TelemetryHeartbeat all{.session = UINT64_MAX, .sent_unix_ms = 1'800'000'000'000};
  for (uint32_t subject = 1; subject <= 8; ++subject) {
    for (const Metric metric :
         {Metric::memory_used_bytes, Metric::utilization, Metric::power_w, Metric::temperature_c, Metric::clock_mhz}) {
      all.changes.push_back({.subject = subject, .metric = metric, .value = 1.5F});
    }
  }
  EXPECT_LE(encode(all).size(), 280U);
}

}  // namespace
}  // namespace exogpu::wire
