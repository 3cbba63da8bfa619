#include "node/membership.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"
#include "node/testing/fake_transport.h"

namespace exogpu::node {
namespace {

using namespace cluster::testing;
using testing::deliver;

class FakeDirectory final : public PeerDirectory {
 public:
  void keep_connected(const wire::Member& member) override { calls.push_back("keep " + member.name); }
  void leave_calling(wire::NodeId node) override { calls.push_back("leave calling " + name_of(node)); }
  void let_go_but(const std::vector<wire::Member>& members) override {
    std::string all;
    for (const wire::Member& member : members) all += " " + member.name;
    calls.push_back("members:" + all);
  }
  void set_name(wire::NodeId node, std::string name) override { names[node] = std::move(name); }
  std::string name_of(wire::NodeId node) const override {
    const auto found = names.find(node);
    return found == names.end() ? node.short_text() : found->second;
  }
  std::map<wire::NodeId, std::string> names;
  std::vector<std::string> calls;
};

class MembershipTest : public ::testing::Test {
 protected:
  MembershipTest() {
    membership_.register_handlers(dispatch_);
    for (const uint8_t number : {1, 2, 3}) add(state_, wire::NodeReported{with_address(number)});
  }
  static wire::NodeFacts with_address(uint8_t number) {
    wire::NodeFacts facts = example_facts(number);
    facts.info.self.addresses = {"10.0.0.1"};
    facts.info.self.link_port = 7766;
    return facts;
  }
  std::vector<std::string> on_state() {
    membership_.on_state(state_);
    return std::exchange(directory_.calls, {});
  }
  using Calls = std::vector<std::string>;

  wire::ReplicatedState state_;
  testing::FakeTransport transport_;
  FakeDirectory directory_;
  Dispatch dispatch_;
  std::vector<std::string> notes_;
  Membership membership_{example_id(2), transport_, directory_,
                         [this](const std::string& text) { notes_.push_back(text); }};
};

TEST_F(MembershipTest, TheNodeWithTheSmallerIdOpensTheChannel) {
  EXPECT_EQ(on_state(), (Calls{"leave calling n1", "leave calling n2", "keep n3", "members: n1 n2 n3"}));
}

TEST_F(MembershipTest, ANodeThatWentOfflineIsCalledSinceItMayNotKnowTheWay) {
  on_state();
  add(state_, wire::NodeLost{.node = example_id(1), .reason = "silent"});
  EXPECT_EQ(on_state(), (Calls{"keep n1", "leave calling n2", "keep n3", "members: n2 n3"}));
  EXPECT_EQ(on_state(), (Calls{"leave calling n2", "keep n3", "members: n2 n3"}));  // once
}

TEST_F(MembershipTest, AForgottenNodeIsNoMemberAndNodesOfOneNameAreDistinguished) {
  wire::NodeFacts same = with_address(4);
  same.info.self.name = "n1";
  add(state_, wire::NodeReported{same});
  add(state_, wire::NodeLost{.node = example_id(3), .reason = "silent"});
  add(state_, wire::NodeForgotten{example_id(3)});
  const std::string one = "n1-" + example_id(1).short_text(), four = "n1-" + example_id(4).short_text();
  EXPECT_EQ(on_state(),
            (Calls{"leave calling " + one, "leave calling n2", "keep " + four, "members: " + one + " n2 " + four}));
}

TEST_F(MembershipTest, TheLeaderIsNamedToNodesThatTheClusterDoesNotHave) {
  transport_.connected = {example_id(1), example_id(3), example_id(9)};
  on_state();
  membership_.on_leader(state_, example_id(1));
  EXPECT_EQ(transport_.take<wire::LeaderHint>(example_id(1)).size(), 0U);  // the leader itself
  EXPECT_EQ(transport_.take<wire::LeaderHint>(example_id(3)).size(), 0U);  // it is online, and knows
  const auto named = transport_.take<wire::LeaderHint>(example_id(9));
  ASSERT_EQ(named.size(), 1U);
  EXPECT_EQ(named[0].leader.node, example_id(1));
  membership_.introduce_leader(state_, example_id(9));
  EXPECT_EQ(transport_.take<wire::LeaderHint>(example_id(9)).size(), 1U);
  membership_.on_leader(state_, std::nullopt);
  membership_.introduce_leader(state_, example_id(9));
  EXPECT_EQ(transport_.take<wire::LeaderHint>(example_id(9)).size(), 0U);  // there is none
  EXPECT_EQ(notes_.back(), "node n1 is the leader");
}

TEST_F(MembershipTest, ALeaderThatIsNamedIsCalledOnlyWithoutALeader) {
  const wire::LeaderHint leads{with_address(1).info.self};
  EXPECT_TRUE(deliver(dispatch_, example_id(3), leads));
  EXPECT_EQ(directory_.calls, Calls{"keep n1"});
  membership_.on_leader(state_, example_id(2));
  EXPECT_EQ(notes_.back(), "this node is the leader");
  EXPECT_TRUE(deliver(dispatch_, example_id(3), leads));
  EXPECT_EQ(directory_.calls, Calls{"keep n1"});
}

}  // namespace
}  // namespace exogpu::node
