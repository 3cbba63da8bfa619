#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "api/metrics/metrics_text.h"
#include "api/metrics/prometheus_text.h"
#include "api/server.h"
#include "api/telemetry/telemetry_json.h"
#include "api/testing/client.h"
#include "api/testing/words_service.h"

namespace exogpu::api::testing {
namespace {

using nlohmann::json;
using wire::Metric;

telemetry::TelemetrySnapshot example_telemetry(const telemetry::HistoryQuery& query) {
  telemetry::SubjectTelemetry machine{.subject = {.id = "machine", .name = "desk", .metrics = {Metric::charge}}};
  machine.values[Metric::charge] = 0.5;
  machine.values[Metric::on_battery] = 1;
  telemetry::SubjectTelemetry device{.subject = {.id = "cuda0",
                                                 .name = "A \"GPU\"",
                                                 .kind = wire::SubjectKind::discrete,
                                                 .backend = "CUDA",
                                                 .metrics = {Metric::power_w},
                                                 .temperature_limit_c = 95},
                                     .suitability = 0.62345};
  device.values[Metric::memory_used_bytes] = 10e9;
  device.values[Metric::memory_total_bytes] = 80e9;
  device.values[Metric::clock_mhz] = 1980.5;
  device.values[Metric::throttling] = wire::throttling::kHeat | wire::throttling::kBrake;
  if (query.values > 0) device.history = {{.metric = Metric::power_w, .values = {{}, 1.5F, 431.0625F}}};
  telemetry::TelemetrySnapshot snapshot{.complete = true, .step_s = query.coarse ? 10 : 0.5};
  snapshot.nodes = {{.name = "desk", .age_s = 0.25, .subjects = {machine, device}}};
  return snapshot;
}

const wire::Alert kAlert{.name = "device_hot",
                         .severity = wire::Severity::critical,
                         .since_unix_ms = 1'700'000'000'500,
                         .node = "desk",
                         .subject = "cuda0",
                         .summary = "94 °C",
                         .cause = "dust",
                         .remedy = "clean it"};

class MeasuredService final : public WordsService {
 public:
  telemetry::TelemetrySnapshot telemetry(const telemetry::HistoryQuery& query) const override {
    ++asked;
    return example_telemetry(query);
  }
  std::vector<wire::Alert> alerts() const override {
    return asked < 3 ? std::vector<wire::Alert>() : std::vector{kAlert};
  }
  std::vector<node::RecentEvent> events(uint64_t after) const override {
    if (after >= 7) return {};
    return {
        {.number = 7, .unix_ms = 1'700'000'000'500, .level = log::Level::warning, .text = "node lap is offline: \xff"}};
  }
  std::vector<node::RecentRequest> recent_requests() const override {
    return {{.unix_ms = 1'700'000'000'000,
             .model = "words",
             .end = "length",
             .prompt_tokens = 7,
             .prompt_tokens_reused = 4,
             .answer_tokens = 11,
             .accepted_s = 0.25,
             .first_token_s = 1.0,
             .duration_s = 3},
            {.unix_ms = 1'700'000'000'000, .model = "words", .end = "unavailable", .duration_s = 0.5}};
  }
  std::vector<node::LinkPast> link_past(size_t values) const override {
    const std::vector<std::optional<float>> two = {std::nullopt, 0.5F};
    return values < 2 ? std::vector<node::LinkPast>{}
                      : std::vector{node::LinkPast{
                            .from = "desk", .to = "lap", .delay_s = two, .loss = two, .bytes_per_s = two}};
  }
  mutable std::atomic<int> asked = 0;
};

class TelemetryRoutes : public ::testing::Test {
 protected:
  void SetUp() override {
    auto started = Server::start({}, service);
    ASSERT_TRUE(started) << started.error().message;
    server.emplace(*std::move(started));
  }
  Response get(std::string_view target) { return Client(server->port()).get(target); }

  MeasuredService service;
  std::optional<Server> server;
};

TEST_F(TelemetryRoutes, WhatIsNow) {
  const Response response = get("/v1/telemetry");
  ASSERT_EQ(response.status, 200) << response.body;
  const json body = response.json();
  EXPECT_EQ(body.at("version"), 1);
  EXPECT_EQ(body.at("complete"), true);
  const json& node = body.at("nodes").at(0);
  EXPECT_EQ(node.at("machine").at("charge"), 0.5);
  EXPECT_EQ(node.at("machine").at("on_battery"), true);
  EXPECT_FALSE(node.at("machine").contains("power_w")) << "absent is absent";
  const json& device = node.at("devices").at(0);
  EXPECT_EQ(device.at("memory_total_bytes"), 80'000'000'000);
  EXPECT_EQ(device.at("throttling"), (json{"heat", "brake"}));
  EXPECT_EQ(device.at("suitability"), 0.623);
  EXPECT_EQ(device.at("temperature_limit_c"), 95);
  EXPECT_EQ(device.at("metrics"), json{"power_w"});
  EXPECT_FALSE(device.contains("history"));
  EXPECT_EQ(body.at("ranking").at(0).at("device"), "cuda0");
  EXPECT_EQ(get("/v1/telemetry?memory_bytes=71e9").json().at("ranking"), json::array());
}

TEST_F(TelemetryRoutes, WhatWas) {
  const json device = get("/v1/telemetry?history_s=120").json().at("nodes").at(0).at("devices").at(0);
  EXPECT_EQ(device.at("history"), json::parse(R"({"power_w": [null, 1.5, 431.063]})"));
  EXPECT_EQ(get("/v1/telemetry?history_s=86400&step_s=10").json().at("step_s"), 10);
  for (const char* bad : {"history_s=601", "history_s=-1", "history_s=x", "history_s=nan", "step_s=3",
                          "history_s=86401&step_s=10", "memory_bytes=inf"}) {
    EXPECT_EQ(get(std::string("/v1/telemetry?") + bad).status, 400) << bad;
  }
}

TEST_F(TelemetryRoutes, AlertsSayWhatToDo) {
  service.asked = 3;
  EXPECT_EQ(get("/v1/alerts").json(), json::parse(R"({"alerts": [{"name": "device_hot", "severity": "critical",
    "since_unix_s": 1700000000.5, "node": "desk", "subject": "cuda0", "summary": "94 °C", "cause": "dust",
    "remedy": "clean it"}]})"));
}

TEST_F(TelemetryRoutes, WhatHappened) {
  EXPECT_EQ(get("/v1/events").json(), json::parse(R"({"events": [{"number": 7, "at_unix_s": 1700000000.5,
    "level": "warning", "text": "node lap is offline: \ufffd"}]})"));
  EXPECT_EQ(get("/v1/events?after=7").json(), json::parse(R"({"events": []})"));
  EXPECT_EQ(get("/v1/events?after=x").status, 400);
  EXPECT_EQ(get("/v1/requests").json(), json::parse(R"({"requests": [
    {"at_unix_s": 1700000000, "model": "words", "end": "length", "prompt_tokens": 7, "prompt_tokens_reused": 4,
     "answer_tokens": 11, "accepted_s": 0.25, "first_token_s": 1, "duration_s": 3, "tokens_per_s": 5},
    {"at_unix_s": 1700000000, "model": "words", "end": "unavailable", "prompt_tokens": 0, "prompt_tokens_reused": 0,
     "answer_tokens": 0, "accepted_s": null, "first_token_s": null, "duration_s": 0.5, "tokens_per_s": null}]})"));
  EXPECT_EQ(get("/v1/telemetry/links?history_s=20").json(), json::parse(R"({"step_s": 10, "links": [{"from": "desk",
    "to": "lap", "delay_s": [null, 0.5], "loss": [null, 0.5], "bytes_per_s": [null, 0.5]}]})"));
  EXPECT_EQ(get("/v1/telemetry/links").json().at("links"), json::array());
  EXPECT_EQ(get("/v1/telemetry/links?history_s=86401").status, 400);
}

TEST_F(TelemetryRoutes, AStreamHasEachSampleAndNewAlerts) {
  Client client(server->port());
  ASSERT_TRUE(client.send("GET /v1/telemetry/stream?history_s=10 HTTP/1.1\r\nHost: x\r\n\r\n"));
  std::string text;
  const auto count = [&](std::string_view what) {
    size_t found = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while ((count("event: telemetry") < 4 || count("event: alerts") < 2) && std::chrono::steady_clock::now() < until) {
    ASSERT_TRUE(client.receive());
    text = client.buffer();
  }
  EXPECT_NE(text.find("Content-Type: text/event-stream"), std::string::npos) << text;
  EXPECT_EQ(count("event: alerts"), 2U) << "none, and then one";
  EXPECT_EQ(count("\"history\""), 1U) << "of the first event alone";
  client.close();
  EXPECT_EQ(Client(server->port()).get("/health").status, 200);
}

TEST_F(TelemetryRoutes, AStopEndsStreams) {
  Client client(server->port());
  ASSERT_TRUE(client.send("GET /v1/telemetry/stream HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(client.receive());
  EXPECT_NE(client.buffer().find("200 OK"), std::string::npos);
  server.reset();
}

TEST_F(TelemetryRoutes, MetricsForPrometheus) {
  service.asked = 3;
  const Response response = get("/metrics");
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(response.fields.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"exogpu_device_clock_hertz{device=\"cuda0\"} 1980500000\n", "exogpu_machine_on_battery 1\n",
        "exogpu_device_throttling{device=\"cuda0\",reason=\"heat\"} 1\n",
        "exogpu_device_throttling{device=\"cuda0\",reason=\"power\"} 0\n",
        "exogpu_alert{name=\"device_hot\",severity=\"critical\",node=\"desk\",subject=\"cuda0\"} 1\n",
        "exogpu_cluster_plans_total{reason=\"first\"} 0\n", "# TYPE process_cpu_seconds_total counter\n"}) {
    EXPECT_NE(response.body.find(line), std::string::npos) << line << response.body;
  }
  EXPECT_EQ(response.body.find("power_watts"), std::string::npos) << "a family without samples is left out";
}

TEST(PrometheusText, EscapesAndSumsUp) {
  PrometheusText out;
  out.begin("empty", "gauge", "Nothing.");
  out.begin("x_seconds", "histogram", "Times.");
  out.add_histogram(std::array{0.1, 1.0}, std::array<uint64_t, 3>{1, 2, 3}, 4.5, {{"model", "a\"b\\c"}});
  EXPECT_EQ(out.text(), R"(# HELP x_seconds Times.
# TYPE x_seconds histogram
x_seconds_bucket{model="a\"b\\c",le="0.1"} 1
x_seconds_bucket{model="a\"b\\c",le="1"} 3
x_seconds_bucket{model="a\"b\\c",le="+Inf"} 6
x_seconds_sum{model="a\"b\\c"} 4.5
x_seconds_count{model="a\"b\\c"} 6
)");
}

TEST(Metrics, SeriesAreBounded) {
  node::ClusterSnapshot cluster;
  const node::NodeMetrics own;
  cluster.nodes.push_back({.id = own.self, .name = "desk", .online = true});
  for (int i = 0; i < 2000; ++i) {
    cluster.models.push_back({.name = std::to_string(i)});
    cluster.nodes[0].links.push_back({.to = own.self});
  }
  const std::vector<wire::Alert> alerts(2000, kAlert);
  const std::string text = metrics_text({.cluster = cluster, .telemetry = {}, .alerts = alerts, .node = own});
  EXPECT_LT(std::ranges::count(text, '\n'), 10 * 256);
  EXPECT_NE(text.find("exogpu_model_serving{model=\"255\"} 0\n"), std::string::npos);
}

}  // namespace
}  // namespace exogpu::api::testing
