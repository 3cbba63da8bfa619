#include "cluster/plan_for.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"
#include "placement/placement.h"

namespace exogpu::cluster {
namespace {

using namespace testing;
using namespace wire;

ReplicatedState two_nodes() {
  ReplicatedState state;
  add(state, NodeReported{example_facts(1, 500 * MB)});
  add(state, NodeReported{example_facts(2, 500 * MB)});
  add(state, ModelSet{example_model(8)});
  return state;
}

PlanContext of(uint64_t counter) { return {.term = example_term(counter), .epoch_max = {}}; }

void make_plan(ReplicatedState& state, uint64_t counter = 1) {
  const auto event = plan_for(view(state), of(counter));
  ASSERT_TRUE(event);
  add(state, *event);
  ASSERT_TRUE(only(state).plan) << only(state).no_plan_reason;
}

void all_ready(ReplicatedState& state) {
  for (uint32_t i = 0; i < only(state).plan->stages.size(); ++i) {
    add(state, StageReported{.epoch = state.epoch_last, .stage = i, .phase = StagePhase::ready, .failure = {}});
  }
}

TEST(PlanFor, SpreadsAModelOverNodesWithRoom) {
  ReplicatedState state = two_nodes();
  make_plan(state);
  EXPECT_EQ(only(state).plan->made.plan.stages.size(), 2U);
  for (const Bytes bytes : only(state).plan->made.stage_bytes) EXPECT_LE(bytes, 500 * MB);
  EXPECT_FALSE(plan_for(view(state), of(1))) << "nothing to do";
}

TEST(PlanFor, GivesTheReasonWhenThereIsNone) {
  ReplicatedState state = two_nodes();
  add(state, NodeLost{.node = example_id(2), .reason = "silent"});
  const auto event = plan_for(view(state), of(1));
  ASSERT_TRUE(event);
  add(state, *event);
  EXPECT_NE(only(state).no_plan_reason.find("memory"), std::string::npos) << only(state).no_plan_reason;
  EXPECT_FALSE(plan_for(view(state), of(1))) << "reported once";
}

TEST(PlanFor, ImpossibleReasonIsThatOfTheOnlineNodes) {
  ReplicatedState state;
  EXPECT_EQ(impossible_reason(view(state)), kNotServed);
  state = two_nodes();
  EXPECT_EQ(impossible_reason(view(state)), "") << "there is no plan yet, but there can be one";
  add(state, NodeLost{.node = example_id(2), .reason = "silent"});
  EXPECT_NE(impossible_reason(view(state)).find("memory"), std::string::npos) << impossible_reason(view(state));
  add(state, NodeReported{example_facts(2, 500 * MB)});
  EXPECT_EQ(impossible_reason(view(state)), "");
}

TEST(PlanFor, EveryLossIsAReason) {
  const auto replaced = [](auto lose, std::string_view words) {
    ReplicatedState state = two_nodes();
    add(state, NodeReported{example_facts(3, 500 * MB)});
    make_plan(state);
    all_ready(state);
    const PlanEpoch before = state.epoch_last;
    const NodeId used = only(state).plan->made.plan.stages[0].device.node;
    lose(state, used);
    EXPECT_NE(broken_reason(view(state)).find(words), std::string::npos) << broken_reason(view(state));
    PlanContext busy = of(1);
    busy.idle = false;
    const auto event = plan_for(view(state), busy);
    ASSERT_TRUE(event) << words;
    const auto* made = std::get_if<PlanMade>(&*event);
    ASSERT_TRUE(made) << words;
    EXPECT_GT(made->plan.epoch, before);
    for (const PlannedStage& stage : made->plan.stages) EXPECT_NE(stage.device.node, used) << words;
  };
  replaced([](auto& s, NodeId n) { add(s, NodeLost{.node = n, .reason = "silent"}); }, "is offline: silent");
  replaced([](auto& s, NodeId n) { add(s, DrainingSet{.node = n, .draining = true}); }, "is being drained");
  replaced(
      [](auto& s, NodeId) {
        add(s, StageReported{.epoch = s.epoch_last, .stage = 0, .phase = StagePhase::failed, .failure = "it broke"});
      },
      "gpu0: it broke");
  replaced(
      [](auto& s, NodeId n) {
        NodeFacts facts = s.nodes.at(n).facts;
        facts.info.devices[0].memory_free = 10 * MB;
        add(s, NodeReported{facts});
      },
      "has only 9.54 MiB left");
}

TEST(PlanFor, ABetterPlanWaitsUntilNoRequestIsInProgressAndIsWorthIt) {
  ReplicatedState state = two_nodes();
  make_plan(state);
  add(state, NodeReported{example_facts(3, 2000 * MB, 2e11)});
  EXPECT_FALSE(plan_for(view(state), of(1))) << "it is still being loaded";
  all_ready(state);
  PlanContext busy = of(1);
  busy.idle = false;
  EXPECT_FALSE(plan_for(view(state), busy));
  ASSERT_TRUE(plan_for(view(state), of(1)));
  ReplicatedState slightly = two_nodes();
  make_plan(slightly);
  all_ready(slightly);
  add(slightly, NodeReported{example_facts(3, 500 * MB, 1.02e11)});
  EXPECT_FALSE(plan_for(view(slightly), of(1))) << "two of a hundred are not worth moving a model";
}

TEST(PlanFor, EpochsGrowOverTermsAndLostPlans) {
  ReplicatedState state = two_nodes();
  const auto epoch = [&](const PlanContext& context) {
    return std::get<PlanMade>(plan_for(view(state), context).value()).plan.epoch;
  };
  EXPECT_GT(epoch(of(2)), epoch(of(1)));
  EXPECT_NE(epoch({.term = example_term(1, 1), .epoch_max = {}}), epoch({.term = example_term(1, 2), .epoch_max = {}}));
  PlanContext later = of(1);
  later.epoch_max = PlanEpoch(uint64_t{9} << 32);
  later.lost_epoch = true;
  EXPECT_GT(epoch(later), later.epoch_max);
  make_plan(state);
  all_ready(state);
  EXPECT_FALSE(plan_for(view(state), of(1)));
  EXPECT_GT(epoch(later), later.epoch_max) << "a node has had parts of a plan that this state does not know";
}

TEST(PlanFor, AFailedDeviceIsUnusedUntilItsNodeIsRestarted) {
  ReplicatedState state = two_nodes();
  add(state, NodeReported{example_facts(3, 500 * MB, 0.9e11)});
  make_plan(state);
  const NodeId first = only(state).plan->made.plan.stages[0].device.node;
  add(state, StageReported{.epoch = state.epoch_last, .stage = 0, .phase = StagePhase::failed, .failure = "no room"});
  make_plan(state);
  ASSERT_EQ(only(state).plan->made.unused.size(), 1U);
  const UnusedDevice& unused = only(state).plan->made.unused[0];
  EXPECT_EQ(unused.device.node, first);
  EXPECT_EQ(unused.constraint, "failed");
  EXPECT_EQ(unused.reason, "no room");
  add(state, NodeLost{.node = example_id(3), .reason = "silent"});
  add(state, *plan_for(view(state), of(1)));
  EXPECT_FALSE(only(state).plan);
  NodeFacts restarted = state.nodes.at(first).facts;
  ++restarted.incarnation;
  add(state, NodeReported{restarted});
  make_plan(state);
}

TEST(PlanFor, FixedLayersThatDidNotFitAreNotRetried) {
  ReplicatedState state = two_nodes();
  ServedModel fixed_layers = example_model(8);
  fixed_layers.layers = "n1/gpu0:0-3,n2/gpu0:4-7";
  add(state, ModelSet{fixed_layers});
  make_plan(state);
  add(state, StageReported{.epoch = state.epoch_last, .stage = 1, .phase = StagePhase::failed, .failure = "no room"});
  add(state, *plan_for(view(state), of(1)));
  ASSERT_FALSE(only(state).plan);
  EXPECT_TRUE(only(state).no_plan_reason.starts_with("n2/gpu0: no room; ")) << only(state).no_plan_reason;
  EXPECT_TRUE(only(state).no_plan_reason.contains("when node n2 is restarted")) << only(state).no_plan_reason;
}

TEST(PlanFor, ABadLinkIsAvoided) {
  ReplicatedState state = two_nodes();
  add(state, NodeReported{example_facts(3, 500 * MB, 0.99e11)});
  const auto used = [&] {
    std::set<NodeId> nodes;
    for (const PlannedStage& stage : only(state).plan->made.plan.stages) nodes.insert(stage.device.node);
    return nodes;
  };
  make_plan(state);
  ASSERT_EQ(used(), (std::set{example_id(1), example_id(2)}));
  add(state, LinkUse{.link = pair_of(example_id(2), example_id(1)), .avoided = true});
  add(state, PlanEnded{.content = "abc", .epoch = state.epoch_last, .reason = "the cable was pulled"});
  make_plan(state);
  EXPECT_NE(used(), (std::set{example_id(1), example_id(2)}));
  // Where there is no other way it is used all the same.
  add(state, NodeLost{.node = example_id(3), .reason = "silent"});
  make_plan(state);
  EXPECT_EQ(used(), (std::set{example_id(1), example_id(2)}));
}

// The stages of a plan, as "n1:0-4".
std::string stages_of(const ReplicatedState& state, const PlanMade& made) {
  std::string text;
  for (const PlannedStage& stage : made.plan.stages) {
    text += std::format("{}{}:{}-{}", text.empty() ? "" : " ", state.nodes.at(stage.device.node).facts.info.self.name,
                        stage.layers.begin, stage.layers.end);
  }
  return text;
}

// A plan of these stages, in force.
void set_plan(ReplicatedState& state, const std::vector<std::pair<uint8_t, LayerRange>>& stages) {
  const ServedModel& model = only(state).served;
  PlanMade made{.plan = {.epoch = PlanEpoch(state.epoch_last.value() + 1),
                         .model = model.model,
                         .content = model.content,
                         .stages = {},
                         .settings = model.settings},
                .stage_bytes = {},
                .predicted = {}};
  for (const auto& [node, layers] : stages) {
    made.plan.stages.push_back({.device = {.node = example_id(node), .device = "gpu0"}, .layers = layers});
    made.stage_bytes.push_back(layers.size() * 105 * MB);
  }
  add(state, made);
  ASSERT_TRUE(only(state).plan);
}

// The plan after a loss, with the plan that was in the state or only remembered.
std::string after_loss(ReplicatedState state, uint8_t lost) {
  PlanContext context = of(1);
  add(state, NodeLost{.node = example_id(lost), .reason = "silent"});
  const auto broken = plan_for(view(state), context);
  context.previous = only(state).plan->made;
  add(state, PlanEnded{.content = "abc", .epoch = state.epoch_last, .reason = "a link broke"});
  const auto ended = plan_for(view(state), context);
  if (!broken || !ended) return "nothing";
  if (std::holds_alternative<PlanEnded>(*broken)) return "none";
  const auto text = stages_of(state, std::get<PlanMade>(*broken));
  EXPECT_EQ(stages_of(state, std::get<PlanMade>(*ended)), text);
  return text;
}

ReplicatedState nodes_of(const std::vector<std::pair<Bytes, double>>& nodes, uint32_t layers) {
  ReplicatedState state;
  for (size_t i = 0; i < nodes.size(); ++i) {
    add(state, NodeReported{example_facts(static_cast<uint8_t>(i + 1), nodes[i].first, nodes[i].second)});
  }
  add(state, ModelSet{example_model(layers)});
  return state;
}

TEST(PlanFor, ShardsStayAndLostLayersMoveToASpareNode) {
  ReplicatedState state = nodes_of({{420 * MB, 1e11}, {420 * MB, 1e11}, {420 * MB, 1e11}, {420 * MB, 0.9e11}}, 9);
  set_plan(state, {{2, {0, 2}}, {1, {2, 5}}, {3, {5, 9}}});
  EXPECT_EQ(after_loss(state, 1), "n2:0-2 n4:2-5 n3:5-9");
  EXPECT_EQ(after_loss(state, 2), "n4:0-2 n1:2-5 n3:5-9");
  EXPECT_EQ(after_loss(state, 3), "n2:0-2 n1:2-5 n4:5-9");
}

TEST(PlanFor, WithoutASpareNodeANeighbourTakesTheLostLayersAsASecondStage) {
  ReplicatedState state = nodes_of({{500 * MB, 1e11}, {500 * MB, 1e11}, {800 * MB, 1e11}}, 9);
  set_plan(state, {{2, {0, 3}}, {1, {3, 6}}, {3, {6, 9}}});
  EXPECT_EQ(after_loss(state, 1), "n2:0-3 n3:3-6 n3:6-9");
  // Its neighbour has no room for three more, so that the plan is a new one.
  EXPECT_EQ(after_loss(state, 2), "n1:0-4 n3:4-9");
  add(state, NodeLost{.node = example_id(1), .reason = "silent"});
  add(state, *plan_for(view(state), of(1)));
  all_ready(state);
  EXPECT_EQ(broken_reason(view(state)), "");
  NodeFacts less = state.nodes.at(example_id(3)).facts;
  less.info.devices[0].memory_free = 500 * MB;
  add(state, NodeReported{less});
  EXPECT_TRUE(broken_reason(view(state)).contains("has only"))
      << "both stages together are too large: " << broken_reason(view(state));
}

TEST(PlanFor, WhereTheBestPlanIsMuchFasterPartsMove) {
  // The spare is forty times slower than a node with room for everything.
  ReplicatedState state = nodes_of({{500 * MB, 1e11}, {500 * MB, 1e11}, {2000 * MB, 1e12}}, 8);
  set_plan(state, {{1, {0, 4}}, {2, {4, 8}}});
  EXPECT_EQ(after_loss(state, 2), "n3:0-8");
  ReplicatedState nearly = nodes_of({{500 * MB, 1e11}, {500 * MB, 1e11}, {2000 * MB, 1.2e11}}, 8);
  set_plan(nearly, {{1, {0, 4}}, {2, {4, 8}}});
  EXPECT_EQ(after_loss(nearly, 2), "n1:0-4 n3:4-8");
  // It is made when no request is in progress.
  add(nearly, NodeLost{.node = example_id(2), .reason = "silent"});
  add(nearly, *plan_for(view(nearly), of(1)));
  all_ready(nearly);
  PlanContext busy = of(1);
  busy.idle = false;
  EXPECT_FALSE(plan_for(view(nearly), busy));
  const auto better = plan_for(view(nearly), of(1));
  ASSERT_TRUE(better);
  EXPECT_EQ(stages_of(nearly, std::get<PlanMade>(*better)), "n3:0-8");
}

TEST(PlanFor, PartsOfAnotherModelOrSettingDoNotCount) {
  ReplicatedState state = nodes_of({{500 * MB, 1e11}, {500 * MB, 1e11}, {500 * MB, 1e11}}, 8);
  set_plan(state, {{1, {0, 3}}, {2, {3, 5}}, {3, {5, 8}}});
  ServedModel longer = only(state).served;
  longer.settings.context = 2048;
  add(state, ModelSet{longer});
  const auto event = plan_for(view(state), of(1));
  ASSERT_TRUE(event);
  EXPECT_EQ(std::get<PlanMade>(*event).plan.stages.size(), 2U);
}

TEST(PlanFor, ANewPlanHasAtLeastTheRequestedDevices) {
  ReplicatedState state = nodes_of({{900 * MB, 1e11}, {900 * MB, 1e11}, {900 * MB, 0.9e11}}, 8);
  ServedModel two = only(state).served;
  two.devices_min = 2;
  add(state, ModelSet{two});
  set_plan(state, {{1, {0, 4}}, {2, {4, 8}}});
  EXPECT_EQ(after_loss(state, 2), "n1:0-4 n3:4-8");
  two.devices_min = 1;
  add(state, ModelSet{two});
  EXPECT_EQ(after_loss(state, 2), "n1:0-4 n1:4-8");
}

// Both nodes have room for the first model alone, or for a half of each.
TEST(PlanFor, ModelsShareTheMemoryAndEachHasItsPlan) {
  ReplicatedState state = nodes_of({{900 * MB, 1e11}, {500 * MB, 0.9e11}}, 8);
  ServedModel second = example_model(4);
  second.content = "def";
  add(state, ModelSet{second});
  make_plan(state);
  EXPECT_EQ(stages_of(state, state.models.at("abc").plan->made), "n1:0-8");
  EXPECT_EQ(planning_order(state), (std::vector<std::string>{"abc", "def"}));
  const auto event = plan_for(model_view(state, "def"), of(1));
  ASSERT_TRUE(event);
  add(state, *event);
  ASSERT_TRUE(state.models.at("def").plan) << state.models.at("def").no_plan_reason;
  EXPECT_EQ(stages_of(state, state.models.at("def").plan->made), "n2:0-4");
  EXPECT_GT(state.models.at("def").plan->made.plan.epoch, state.models.at("abc").plan->made.plan.epoch);
  EXPECT_EQ(broken_reason(model_view(state, "abc")), "");
  EXPECT_EQ(broken_reason(model_view(state, "def")), "");

  ServedModel third = example_model(4);
  third.content = "aaa";
  add(state, ModelSet{third});
  EXPECT_EQ(planning_order(state), (std::vector<std::string>{"abc", "def", "aaa"})) << "it gets what the others leave";
  const auto none = plan_for(model_view(state, "aaa"), of(1));
  ASSERT_TRUE(none);
  add(state, *none);
  EXPECT_TRUE(state.models.at("aaa").no_plan_reason.contains("no room")) << state.models.at("aaa").no_plan_reason;
  add(state, ModelRemoved{.content = "def", .reason = "nobody uses it"});
  const auto made = plan_for(model_view(state, "aaa"), of(1));
  ASSERT_TRUE(made);
  EXPECT_EQ(stages_of(state, std::get<PlanMade>(*made)), "n2:0-4");
}

TEST(PlanFor, ADeviceIsUnfitForTheModelThatItFailedToLoadOnly) {
  ReplicatedState state = nodes_of({{2000 * MB, 1e11}}, 8);
  ServedModel second = example_model(4);
  second.content = "def";
  add(state, ModelSet{second});
  add(state, plan_for(model_view(state, "abc"), of(1)).value());
  add(state, plan_for(model_view(state, "def"), of(1)).value());
  const PlanEpoch failing = state.models.at("def").plan->made.plan.epoch;
  add(state, StageReported{.epoch = failing, .stage = 0, .phase = StagePhase::failed, .failure = "it is corrupt"});
  EXPECT_EQ(broken_reason(model_view(state, "def")), "n1/gpu0: it is corrupt");
  EXPECT_EQ(broken_reason(model_view(state, "abc")), "");
}

// 100 kB/s is too slow for a prompt of this width; the devices are as fast as each other.
TEST(PlanFor, MeasuredLinksDecide) {
  ReplicatedState state;
  const auto link = [](uint8_t from, uint8_t to, double rate) {
    return LinkProfile{.from = example_id(from), .to = example_id(to), .delay_s = 1e-4, .bytes_per_s = rate};
  };
  NodeFacts one = example_facts(1, 500 * MB), two = example_facts(2, 500 * MB), three = example_facts(3, 500 * MB);
  one.info.links = {link(1, 2, 1e5), link(1, 3, 1e9)};
  two.info.links = {link(2, 1, 1e5)};
  three.info.links = {link(3, 1, 1e9)};
  for (const NodeFacts& facts : {one, two, three}) add(state, NodeReported{facts});
  ServedModel prompts = example_model(8);
  prompts.settings.objective = wire::Objective::first_token;
  add(state, ModelSet{prompts});
  make_plan(state);
  std::set<NodeId> used;
  for (const PlannedStage& stage : only(state).plan->made.plan.stages) used.insert(stage.device.node);
  EXPECT_NE(used, (std::set{example_id(1), example_id(2)}));
}

TEST(PlanFor, AThousandNodes) {
  ReplicatedState state;
  for (int i = 0; i < 1000; ++i) {
    NodeFacts facts = example_facts(static_cast<uint8_t>(i), 500 * MB, 1e11 + i);
    std::array<uint8_t, kKeyHashBytes> id{};
    id[0] = static_cast<uint8_t>(i);
    id[1] = static_cast<uint8_t>(i >> 8);
    facts.info.self.node = facts.info.devices[0].id.node = NodeId(id);
    add(state, NodeReported{facts});
  }
  // More than the nodes that are tried at first have room for.
  add(state, ModelSet{example_model(400)});
  make_plan(state);
  EXPECT_GE(only(state).plan->made.plan.stages.size(), 80U);
}

}  // namespace
}  // namespace exogpu::cluster
