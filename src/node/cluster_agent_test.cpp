#include "node/cluster_agent.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"
#include "node/testing/fake_transport.h"

namespace exogpu::node {
namespace {

using namespace cluster::testing;
using namespace std::chrono_literals;
using testing::deliver;

// Two nodes whose frames are delivered by hand.
struct AgentNode {
  explicit AgentNode(uint8_t number, cluster::Time& clock) : id(example_id(number)), now(&clock) {
    agent.register_handlers(dispatch);
  }
  wire::NodeId id;
  cluster::Time* now;
  testing::FakeTransport transport;
  Dispatch dispatch;
  std::vector<std::string> calls;
  std::vector<uint64_t> counters;
  std::vector<std::string> notes;
  cluster::Time wake{};
  Result<void> disk;  // the result of writing the counter
  std::function<void()> during_on_state;
  ClusterAgent agent{example_facts(static_cast<uint8_t>(id.bytes()[0])),
                     {.counter = 0, .boot_wait = 200ms},
                     transport,
                     {.now = [this] { return *now; },
                      .on_leader = [this] { calls.push_back("leader"); },
                      .on_state =
                          [this] {
                            calls.push_back("state");
                            if (during_on_state) std::exchange(during_on_state, nullptr)();
                          },
                      .persist_counter =
                          [this](uint64_t counter) {
                            counters.push_back(counter);
                            return disk;
                          },
                      .wake_at = [this](cluster::Time at) { wake = at; },
                      .note = [this](const std::string& text) { notes.push_back(text); }}};
};

class ClusterAgentTest : public ::testing::Test {
 protected:
  void connect() {
    a.transport.connected = {b.id};
    b.transport.connected = {a.id};
    a.agent.change([&](cluster::Agent& agent, cluster::Time at) { agent.link_up(b.id, at); });
    b.agent.change([&](cluster::Agent& agent, cluster::Time at) { agent.link_up(a.id, at); });
  }
  static void carry(AgentNode& from, AgentNode& to) {
    for (const auto& frame : std::exchange(from.transport.sent, {})) {
      EXPECT_TRUE(to.dispatch.frame(from.id, frame.header, frame.payload));
    }
  }
  // Until `done`, for at most ten seconds of their clock.
  bool run(const auto& done) {
    for (const cluster::Time end = clock + 10s; clock < end && !done();) {
      carry(a, b);
      carry(b, a);
      clock += 10ms;
      for (AgentNode* node : {&a, &b}) {
        if (node->wake <= clock) node->agent.tick();
      }
    }
    return done();
  }

  cluster::Time clock{1h};
  AgentNode a{1, clock}, b{2, clock};
};

TEST_F(ClusterAgentTest, ANodeAloneLeadsAndItsCounterIsOnTheDiskBefore) {
  a.agent.tick();
  EXPECT_FALSE(a.agent.leader());
  EXPECT_FALSE(a.agent.no_leader_reason().empty());
  EXPECT_TRUE(run([&] { return a.agent.leader() == a.id; }));
  EXPECT_EQ(a.counters, std::vector<uint64_t>{1});
  ASSERT_GE(a.calls.size(), 2U);
  EXPECT_EQ(a.calls[0], "leader");
  EXPECT_EQ(a.calls[1], "state");
  EXPECT_TRUE(a.agent.state().nodes.contains(a.id));
}

TEST_F(ClusterAgentTest, TwoNodesAgreeOnALeaderAndAState) {
  connect();
  EXPECT_TRUE(run([&] {
    return a.agent.leader() && a.agent.leader() == b.agent.leader() && a.agent.state() == b.agent.state() &&
           a.agent.state().nodes.size() == 2;
  }));
}

TEST_F(ClusterAgentTest, HeartbeatsDoNotWaitBehindActivations) {
  connect();
  bool urgent = false, ordered = false;
  EXPECT_TRUE(run([&] {
    for (const AgentNode* node : {&a, &b}) {
      for (const auto& frame : node->transport.sent) {
        const auto type = std::get<wire::Control>(frame.header.of).type;
        if (type == wire::ControlType::heartbeat) urgent = frame.lane == net::Lane::urgent;
        if (type == wire::ControlType::log_entries) ordered = frame.lane == net::Lane::ordered;
      }
    }
    return urgent && ordered;
  }));
}

TEST_F(ClusterAgentTest, ACounterThatCannotBeWrittenIsNoted) {
  a.disk = fail(ErrorCode::io_error, "state/term: no space left on the device");
  a.agent.tick();
  EXPECT_TRUE(run([&] { return !a.notes.empty(); }));
  EXPECT_EQ(a.notes.front(), "state/term: no space left on the device");
}

TEST_F(ClusterAgentTest, AChangeFromInsideACallIsDoneAfterIt) {
  a.during_on_state = [&] {
    a.agent.change(
        [](cluster::Agent& agent, cluster::Time at) { agent.command(wire::ModelSet{example_model(2)}, at); });
    a.calls.push_back("changed");
  };
  a.agent.tick();
  EXPECT_TRUE(run([&] { return !a.agent.state().models.empty(); }));
  const auto changed = std::ranges::find(a.calls, "changed");
  ASSERT_NE(changed, a.calls.end());
  EXPECT_EQ(*(changed - 1), "state");  // no call came between
}

TEST_F(ClusterAgentTest, ABrokenMessageIsAnError) {
  const wire::ByteVector garbage(3, std::byte{0xff});
  EXPECT_FALSE(a.dispatch.frame(b.id, {.of = wire::Control{wire::ControlType::heartbeat}}, garbage));
}

}  // namespace
}  // namespace exogpu::node
