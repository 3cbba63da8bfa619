#include "node/role_gate.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"
#include "wire/cluster_log.h"
#include "wire/weights.h"

namespace exogpu::node {
namespace {

using cluster::testing::example_facts;
using cluster::testing::example_id;
using wire::ControlType;
using wire::Role;

bool may(std::optional<Role> role, ControlType type, const wire::ByteVector& payload = {}) {
  return permits(role, {.of = wire::Control{type}}, payload);
}
bool may_propose(Role role, const wire::Event& event) {
  return may(role, ControlType::log_proposal, encode(wire::LogProposal{.incarnation = 1, .events = {event}}));
}

TEST(RoleGateTest, OwnersAndMembersMaySendEverything) {
  for (const Role role : {Role::owner, Role::member}) {
    for (uint16_t type = 64; type < 130; ++type) EXPECT_TRUE(may(role, ControlType{type})) << type;
    EXPECT_TRUE(permits(role, {.of = wire::Activation{}}, {}));
    EXPECT_TRUE(permits(role, {.of = wire::Bulk{}}, {}));
  }
}

TEST(RoleGateTest, AWorkerMayBeTheMemberOfAGroupAndMakesNone) {
  const wire::MemberHello start = wire::MemberStart{}, meet = wire::MemberMeet{};
  for (const Role role : wire::kRoles) EXPECT_EQ(permits(role, start), is_trusted(role)) << to_string(role);
  for (const Role role : wire::kRoles) EXPECT_EQ(permits(role, meet), role != Role::guest) << to_string(role);
  EXPECT_FALSE(permits(std::nullopt, start));
  EXPECT_FALSE(permits(std::nullopt, meet));
}

TEST(RoleGateTest, AWorkerComputesAndDoesNotAsk) {
  for (const auto type : {ControlType::generate, ControlType::stream_read, ControlType::load_model,
                          ControlType::pull_model, ControlType::pull_query}) {
    EXPECT_FALSE(may(Role::worker, type)) << static_cast<int>(type);
  }
  for (const auto type : {ControlType::step, ControlType::step_done, ControlType::weights_request,
                          ControlType::heartbeat_ack, ControlType::stage_progress}) {
    EXPECT_TRUE(may(Role::worker, type)) << static_cast<int>(type);
  }
  EXPECT_TRUE(permits(Role::worker, {.of = wire::Activation{}}, {}));
  const auto tensor = encode(wire::WeightsRequest{.content = wire::ContentId(), .object = 5});
  EXPECT_TRUE(may(Role::worker, ControlType::weights_request, tensor));
}

TEST(RoleGateTest, AGuestAsksAndGetsNoWeights) {
  EXPECT_TRUE(may(Role::guest, ControlType::generate));
  EXPECT_TRUE(may(Role::guest, ControlType::stream_read));
  for (const auto type : {ControlType::step, ControlType::step_done, ControlType::weights_availability,
                          ControlType::stage_progress, ControlType::load_model, ControlType::pull_model}) {
    EXPECT_FALSE(may(Role::guest, type)) << static_cast<int>(type);
  }
  EXPECT_FALSE(permits(Role::guest, {.of = wire::Activation{}}, {}));
  EXPECT_FALSE(permits(Role::guest, {.of = wire::Bulk{}}, {}));
  const auto request = [](std::optional<uint32_t> object) {
    return may(Role::guest, ControlType::weights_request,
               encode(wire::WeightsRequest{.content = wire::ContentId(), .object = object}));
  };
  EXPECT_TRUE(request(std::nullopt)) << "the manifest";
  EXPECT_TRUE(request(0)) << "the header, with the tokenizer";
  EXPECT_FALSE(request(1));
}

TEST(RoleGateTest, NeitherLeadsNorChangesTheCluster) {
  for (const Role role : {Role::worker, Role::guest}) {
    for (const auto type : {ControlType::heartbeat, ControlType::log_entries, ControlType::log_snapshot}) {
      EXPECT_FALSE(may(role, type)) << static_cast<int>(type);
    }
    EXPECT_FALSE(may(role, ControlType::node_settings)) << "another name";
    EXPECT_TRUE(may_propose(role, wire::ConditionReported{.node = example_id(2), .condition = {}}));
    wire::AccessKey key;
    key.name = "own";
    key.scopes = {wire::Scope::admin};
    EXPECT_FALSE(may_propose(role, wire::AccessKeySet{key}));
    EXPECT_FALSE(may_propose(role, wire::ModelRemoved{.content = "abc", .reason = "so"}));
    EXPECT_FALSE(may_propose(role, wire::DrainingSet{.node = example_id(1), .draining = true}));
    EXPECT_FALSE(may_propose(role, wire::NodeForgotten{.node = example_id(1)}));
  }
}

// Plans use the devices that nodes report.
TEST(RoleGateTest, AGuestReportsNoDevices) {
  wire::NodeFacts facts = example_facts(2);
  EXPECT_TRUE(may_propose(Role::worker, wire::NodeReported{facts}));
  EXPECT_FALSE(may_propose(Role::guest, wire::NodeReported{facts}));
  facts.info.devices.clear();
  EXPECT_TRUE(may_propose(Role::guest, wire::NodeReported{facts}));
}

TEST(RoleGateTest, WithoutARoleANodeMayOnlyTellWhichItHas) {
  for (uint16_t type = 64; type < 130; ++type) {
    const bool told = ControlType{type} == ControlType::roles || ControlType{type} == ControlType::removals;
    EXPECT_EQ(may({}, ControlType{type}), told) << type;
  }
  EXPECT_FALSE(permits({}, {.of = wire::Activation{}}, {}));
}

}  // namespace
}  // namespace exogpu::node
