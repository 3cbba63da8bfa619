#include "node/telemetry.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cluster/testing/examples.h"
#include "node/alert_facts.h"
#include "node/testing/fake_transport.h"

namespace exogpu::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using telemetry::Sample;
using telemetry::Time;
using wire::Metric;

using cluster::testing::example_id;

const wire::NodeId kDesk = example_id(1), kAttic = example_id(2), kShed = example_id(3);

// A node without sensors, sockets or a thread.
struct Part {
  explicit Part(wire::NodeId id)
      : self(id),
        part(id, 7, transport,
             {.leader = [this] { return leader; },
              .busy = [this] { return busy; },
              .on_sample = [](Sample&) {},
              .facts =
                  [this](bool leads, std::vector<telemetry::NodeTelemetry> nodes) {
                    facts_for_leader = leads;
                    for (auto& node : nodes) node.name = node.node == kDesk ? "desk" : "attic";
                    return telemetry::AlertFacts{.telemetry = std::move(nodes)};
                  },
              .on_alert = [this](const wire::Alert& alert, bool begun) { hook.emplace_back(alert.name, begun); },
              .unix_ms = [] { return uint64_t{1'800'000'000'000}; }}) {
    part.register_handlers(dispatch);
  }

  Sample sample(double celsius) {
    now += milliseconds(500);
    Sample out{.at = now};
    out.subjects = {{.id = "machine", .name = "m"},
                    {.id = "cuda0", .name = "GPU", .kind = wire::SubjectKind::discrete, .temperature_limit_c = 90}};
    out.values.resize(2);
    out.values[1][Metric::temperature_c] = celsius;
    out.devices.resize(1);
    return out;
  }
  void sample_and_send(double celsius, Part& to) {
    part.on_sample(sample(celsius));
    carry(to);
  }
  // What was sent to the other arrives there.
  void carry(Part& to) {
    for (const auto& sent : std::exchange(transport.sent, {})) {
      if (sent.to != to.self) continue;
      ASSERT_TRUE(to.dispatch.frame(self, sent.header, sent.payload));
    }
  }
  std::optional<double> temperature_of(wire::NodeId node) const {
    for (const auto& each : part.snapshot({}).nodes) {
      if (each.node == node) return each.subjects.at(1).values[Metric::temperature_c];
    }
    return std::nullopt;
  }

  wire::NodeId self;
  testing::FakeTransport transport;
  Dispatch dispatch;
  std::optional<wire::NodeId> leader;
  bool busy = true, facts_for_leader = false;
  std::vector<std::pair<std::string, bool>> hook;
  Time now = telemetry::Clock::now();
  Telemetry part;
};

struct TelemetryTest : ::testing::Test {
  TelemetryTest() : desk(kDesk), attic(kAttic) {
    desk.leader = attic.leader = kDesk;
    desk.transport.connected = {kAttic};
    attic.transport.connected = {kDesk};
  }
  Part desk, attic;
};

TEST_F(TelemetryTest, TheLeaderCollectsWhatTheOthersReport) {
  attic.sample_and_send(41, desk);
  desk.sample_and_send(42, attic);
  EXPECT_EQ(desk.temperature_of(kAttic), 41);
  EXPECT_EQ(desk.temperature_of(kDesk), 42);
  attic.sample_and_send(55, desk);
  EXPECT_EQ(desk.temperature_of(kAttic), 55);
  EXPECT_EQ(attic.temperature_of(kDesk), std::nullopt) << "nobody asked there";
  EXPECT_TRUE(desk.part.snapshot({}).complete);
  EXPECT_FALSE(attic.part.snapshot({}).complete);
}

TEST_F(TelemetryTest, ANodeThatIsAskedGetsTheTelemetryOfAll) {
  desk.part.on_sample(desk.sample(42));
  (void)attic.part.snapshot({});
  attic.part.on_sample(attic.sample(41));
  attic.carry(desk);
  desk.sample_and_send(43, attic);
  EXPECT_EQ(attic.temperature_of(kDesk), 43);
  for (int i = 0; i < 3; ++i) attic.part.on_sample(attic.sample(41));
  EXPECT_TRUE(attic.part.snapshot({}).complete);
}

TEST_F(TelemetryTest, ANewLeaderIsToldEverything) {
  attic.sample_and_send(41, desk);
  Part shed(kShed);
  shed.leader = attic.leader = kShed;
  attic.transport.connected = {kDesk, kShed};
  attic.sample_and_send(41, shed);
  EXPECT_EQ(shed.temperature_of(kAttic), 41) << "though nothing has changed";
  attic.part.on_sample(attic.sample(60));
  EXPECT_TRUE(std::ranges::none_of(attic.transport.sent, [](const auto& sent) { return sent.to == kDesk; }));
}

TEST_F(TelemetryTest, AReportThatCouldNotBeSentIsMadeUpFor) {
  attic.sample_and_send(41, desk);
  attic.transport.full = true;
  attic.part.on_sample(attic.sample(60));
  attic.transport.full = false;
  attic.sample_and_send(60, desk);
  EXPECT_EQ(desk.temperature_of(kAttic), 60);
}

TEST_F(TelemetryTest, OfALostNodeNothingIsKnown) {
  attic.sample_and_send(41, desk);
  desk.part.on_link_down(kAttic);
  EXPECT_EQ(desk.temperature_of(kAttic), std::nullopt);
  attic.part.on_link_down(kDesk);
  attic.part.on_link_up(kDesk);
  attic.sample_and_send(41, desk);
  EXPECT_EQ(desk.temperature_of(kAttic), 41);
}

TEST_F(TelemetryTest, AlertsOfTheLeaderReachAllNodes) {
  for (int i = 0; i < 30; ++i) {
    attic.sample_and_send(89, desk);
    desk.sample_and_send(50, attic);
  }
  ASSERT_EQ(desk.part.alerts().size(), 1U);
  EXPECT_EQ(desk.part.alerts()[0].name, "device_hot");
  EXPECT_EQ(desk.part.alerts()[0].node, "attic");
  EXPECT_EQ(attic.part.alerts(), desk.part.alerts());
  EXPECT_TRUE(desk.facts_for_leader);
  EXPECT_FALSE(attic.facts_for_leader);
  for (int i = 0; i < 70; ++i) {
    attic.sample_and_send(50, desk);
    desk.sample_and_send(50, attic);
  }
  EXPECT_TRUE(desk.part.alerts().empty());
  EXPECT_TRUE(attic.part.alerts().empty());
  const std::vector<std::pair<std::string, bool>> told{{"device_hot", true}, {"device_hot", false}};
  EXPECT_EQ(desk.hook, told);
  EXPECT_EQ(attic.hook, told);
}

TEST_F(TelemetryTest, AlertsOfOthersThanTheLeaderAreNotBelieved) {
  attic.leader = kShed;
  ASSERT_TRUE(testing::deliver(attic.dispatch, kDesk, wire::AlertsReported{.alerts = {{.name = "made_up"}}}));
  EXPECT_TRUE(attic.part.alerts().empty());
}

TEST_F(TelemetryTest, ANodeThatConnectsToTheLeaderGetsItsAlerts) {
  for (int i = 0; i < 30; ++i) desk.part.on_sample(desk.sample(89));
  desk.transport.sent.clear();
  desk.part.on_link_up(kAttic);
  desk.carry(attic);
  EXPECT_EQ(attic.part.alerts(), desk.part.alerts());
  EXPECT_EQ(attic.part.alerts().size(), 1U);
}

TEST(AlertFacts, OfACluster) {
  ClusterSnapshot cluster;
  cluster.nodes.push_back({.id = kDesk, .name = "desk", .online = true, .version = "1"});
  cluster.nodes.push_back({.id = kAttic, .name = "attic", .online = true, .version = "2"});
  cluster.nodes[0].links.push_back({.to = kAttic, .loss = 0.25, .bytes_per_s = 1e6});
  cluster.nodes[0].memory.pressure = wire::MemoryPressure::layers;
  ModelSnapshot model{.name = "llama", .content = "c"};
  model.plan.emplace();
  model.plan->parallel = 4;
  model.plan->predicted_at_first = {.first_token_s = 1, .tokens_per_s_alone = 10, .tokens_per_s_parallel = 30};
  model.plan->stages = {{.node = "desk", .device = "cpu", .layers = {0, 6}},
                        {.node = "attic", .device = "cpu", .layers = {6, 12}}};
  model.live = LiveRates{.requests = 1, .tokens_per_s = 8, .computed_tokens_per_s = 8};
  cluster.models = {model};
  LibraryEntrySnapshot entry{.nodes = {"desk"}};
  entry.model.model = "llama";
  entry.model.content = "c";
  cluster.library.push_back(std::move(entry));

  telemetry::AlertFacts facts = alert_facts(cluster, {{.node = kShed}, {.node = kAttic}}, false);
  ASSERT_EQ(facts.telemetry.size(), 1U) << "of a node that is not in the cluster, nothing";
  EXPECT_EQ(facts.telemetry[0].name, "attic");
  ASSERT_EQ(facts.nodes.size(), 2U);
  EXPECT_TRUE(facts.nodes[0].memory_short);
  EXPECT_EQ(facts.nodes[1].version, "2");
  ASSERT_EQ(facts.links.size(), 1U);
  EXPECT_EQ(facts.links[0].to, "attic");
  EXPECT_EQ(facts.links[0].bytes_per_s, 1e6);
  ASSERT_EQ(facts.models.size(), 1U);
  EXPECT_EQ(facts.models[0].predicted_tokens_per_s, 10);
  EXPECT_EQ(facts.models[0].tokens_per_s, 8);
  EXPECT_EQ(facts.models[0].without_spare, "the layers 0-5 on desk");

  cluster.models[0].live->computed_tokens_per_s = 100;
  facts = alert_facts(cluster, {}, true);
  EXPECT_EQ(facts.models.at(0).tokens_per_s, std::nullopt) << "a prompt is computed";
  EXPECT_TRUE(facts.nodes.empty() && facts.links.empty()) << "the leader's concern";
  cluster.models[0].live = LiveRates{.requests = 4, .tokens_per_s = 20, .computed_tokens_per_s = 20};
  EXPECT_EQ(alert_facts(cluster, {}, true).models.at(0).predicted_tokens_per_s, 30);
  cluster.models[0].live->requests = 2;
  EXPECT_EQ(alert_facts(cluster, {}, true).models.at(0).predicted_tokens_per_s, std::nullopt);
  cluster.models[0].live.reset();
  EXPECT_TRUE(alert_facts(cluster, {}, true).models.empty());
}

}  // namespace
}  // namespace exogpu::node
