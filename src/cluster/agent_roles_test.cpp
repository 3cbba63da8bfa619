// Nodes that may neither lead nor know the keys of the API.
#include <gtest/gtest.h>

#include "cluster/testing/linked_agents.h"

namespace exogpu::cluster {
namespace {

using testing::example_id;

// Node 1 is not trusted; 2 and 3 are.
class AgentRolesTest : public testing::LinkedAgents {
 protected:
  bool trusted(wire::NodeId node) const override { return node != example_id(1) || promoted_; }
  size_t keys_of(uint8_t n) { return at(n).state().access_keys.size(); }

  bool promoted_ = false;
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
