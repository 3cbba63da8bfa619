// Nodes that may neither lead nor know the keys of the API.
#include <gtest/gtest.h>

#include <deque>

#include "cluster/agent.h"
#include "cluster/testing/examples.h"

namespace exogpu::cluster {
namespace {

using testing::example_facts;
using testing::example_id;

class AgentRolesTest : public ::testing::Test {
 protected:
  // Node 1 has the best claim to lead, by its id, and is not trusted; 2 and 3 are.
  AgentRolesTest() {
    for (uint8_t n = 1; n <= 3; ++n) {
      agents_.emplace(example_id(n),
                      Agent(example_facts(n), {.trusted = [this](wire::NodeId id) { return trusted(id); }}, now_));
    }
    for (auto& [a, agent] : agents_) {
      for (const auto& [b, other] : agents_) {
        if (a != b) agent.link_up(b, now_);
      }
    }
  }
  bool trusted(wire::NodeId node) const { return node != example_id(1) || promoted_; }

  void run(Duration time) {
    for (const Time until = now_ + time; now_ < until; now_ += std::chrono::milliseconds(10)) {
      for (auto& [id, agent] : agents_) {
        if (agent.wake() <= now_) agent.tick(now_);
      }
      deliver();
    }
  }
  void deliver() {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& [id, agent] : agents_) {
        for (const Send& send : agent.take().sends) {
          agents_.at(send.to).receive(id, *send.message, now_);
          moved = true;
        }
      }
    }
  }
  Agent& at(uint8_t n) { return agents_.at(example_id(n)); }
  size_t keys_of(uint8_t n) { return at(n).state().access_keys.size(); }

  bool promoted_ = false;
  Time now_{std::chrono::hours(1)};
  std::map<wire::NodeId, Agent> agents_;
};

TEST_F(AgentRolesTest, AnUntrustedNodeFollowsAndNeverLeads) {
  run(std::chrono::seconds(3));
  ASSERT_TRUE(at(1).leader());
  EXPECT_EQ(at(1).role(), Role::following);
  EXPECT_NE(*at(1).leader(), example_id(1));
  EXPECT_EQ(at(1).state().nodes.size(), 3U);
}

TEST_F(AgentRolesTest, ItGetsTheStateWithoutKeysUntilItIsTrusted) {
  run(std::chrono::seconds(3));
  wire::AccessKey key;
  key.version = 1;
  key.name = "laptop";
  key.scopes = {wire::Scope::chat};
  at(3).set_access_keys({key}, now_);
  run(std::chrono::seconds(2));
  EXPECT_EQ(keys_of(2), 1U);
  EXPECT_EQ(keys_of(3), 1U);
  EXPECT_EQ(keys_of(1), 0U);
  EXPECT_EQ(at(1).state().at, at(2).state().at) << "positions are the same";
  promoted_ = true;
  for (auto& [id, agent] : agents_) agent.repeat_access_keys(now_);
  run(std::chrono::seconds(2));
  EXPECT_EQ(keys_of(1), 1U);
}

TEST_F(AgentRolesTest, ASnapshotHasNoKeysEither) {
  wire::AccessKey key;
  key.version = 1;
  key.name = "laptop";
  key.scopes = {wire::Scope::chat};
  for (const uint8_t other : {uint8_t{2}, uint8_t{3}}) {
    at(1).link_down(example_id(other), now_);
    at(other).link_down(example_id(1), now_);
  }
  at(2).set_access_keys({key}, now_);
  run(std::chrono::seconds(3));
  ASSERT_EQ(keys_of(3), 1U);
  for (const uint8_t other : {uint8_t{2}, uint8_t{3}}) {
    at(1).link_up(example_id(other), now_);
    at(other).link_up(example_id(1), now_);
  }
  run(std::chrono::seconds(3));
  EXPECT_EQ(at(1).state().nodes.size(), 3U);
  EXPECT_EQ(keys_of(1), 0U);
}

}  // namespace
}  // namespace exogpu::cluster
