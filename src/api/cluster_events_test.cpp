#include "api/cluster_events.h"

#include <gtest/gtest.h>

#include "api/cluster_json.h"
#include "api/testing/api_fixture.h"

namespace exogpu::api {
namespace {

using namespace testing;

struct Event {
  std::string name;
  json data;
};

Event read(const std::string& text) {
  const size_t name = text.find("event: ") + 7, data = text.find("data: ") + 6;
  return {.name = text.substr(name, text.find('\n') - name), .data = json::parse(text.substr(data))};
}

node::ClusterSnapshot cluster_of(uint64_t version, std::vector<node::NodeSnapshot> nodes) {
  node::ClusterSnapshot cluster;
  cluster.version = version;
  cluster.nodes = std::move(nodes);
  return cluster;
}

TEST(ClusterEvents, ChangesLeadFromEachSnapshotToTheNext) {
  const node::NodeSnapshot desk{.id = {}, .name = "desk", .online = true};
  node::NodeSnapshot loaded = desk, lamp{.id = {}, .name = "lamp/~\xff"};
  loaded.load_percent = 40;
  loaded.devices = {{.id = "cpu", .name = "CPU"}};
  const std::vector<std::vector<node::NodeSnapshot>> states = {{}, {desk}, {loaded, lamp}, {lamp}, {desk, loaded, lamp},
                                                               {}};
  ClusterEvents events;
  json client;
  for (uint64_t version = 0; version < states.size(); ++version) {
    const auto cluster = cluster_of(version, states[version]);
    const Event event = read(events.next(cluster));
    EXPECT_EQ(event.name, version == 0 ? "snapshot" : "change");
    client = version == 0 ? event.data : client.patch(event.data);
    EXPECT_EQ(client, json::parse(cluster_json(cluster))) << version;
    EXPECT_EQ(events.next(cluster), "") << "sent already";
  }
}

TEST(ClusterEvents, AChangeOfOneFigureIsSmall) {
  std::vector<node::NodeSnapshot> nodes(10, {.id = {}, .name = "node", .online = true});
  ClusterEvents events;
  (void)events.next(cluster_of(1, nodes));
  nodes[7].load_percent = 12;
  EXPECT_LT(events.next(cluster_of(2, nodes)).size(), 150U);
}

TEST_F(Api, TheClusterIsSentAsAStream) {
  Client client(port());
  client.send(Client::request("GET", "/v1/cluster/events"));
  ASSERT_TRUE(soon([&] { return client.buffer().contains("\n\n") || !client.receive(); }));
  EXPECT_TRUE(client.buffer().contains("Content-Type: text/event-stream")) << client.buffer();
  EXPECT_TRUE(client.buffer().contains("event: snapshot\n")) << client.buffer();
  client.close();
  EXPECT_TRUE(soon([&] { return server_->connections() == 0; })) << "a client that is gone is noticed";
}

TEST_F(Api, AStreamOfTheClusterEndsWithTheServer) {
  Client client(port());
  client.send(Client::request("GET", "/v1/cluster/events"));
  ASSERT_TRUE(client.receive());
  server_->shutdown(20s);  // does not last that long
  while (client.receive()) {
  }
  EXPECT_EQ(server_->connections(), 0U);
}

}  // namespace
}  // namespace exogpu::api
