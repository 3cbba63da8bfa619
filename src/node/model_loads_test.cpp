#include "node/model_loads.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"
#include "node/testing/fake_transport.h"

namespace exogpu::node {
namespace {

using cluster::testing::add;
using cluster::testing::example_facts;
using cluster::testing::example_id;
using testing::deliver;
using namespace std::chrono_literals;

// Node 2 of three, each of which has room for nine layers of 100 MB.
class ModelLoadsTest : public ::testing::Test {
 protected:
  ModelLoadsTest() {
    loads_.register_handlers(dispatch_);
    transport_.connected = {example_id(1), example_id(3)};
    for (const uint8_t number : {1, 2, 3}) add(state_, wire::NodeReported{example_facts(number)});
  }
  void have(uint8_t node, const std::string& model) {
    wire::LibraryModel facts;
    facts.model = model;
    add(state_, wire::LibraryReported{.node = example_id(node), .models = {facts}});
    if (node == 2) own_ = model;
  }
  static wire::ServedModel model_of(uint32_t layers, const std::string& name = "tiny") {
    wire::ServedModel model = cluster::testing::example_model(layers);
    model.model = name;
    return model;
  }
  static wire::LoadSettings settings(bool pinned, std::optional<uint32_t> keep_loaded_s = {},
                                     std::optional<uint32_t> context = {}) {
    return {.pinned = pinned, .context = context, .sequences = {}, .keep_loaded_s = keep_loaded_s};
  }
  std::vector<wire::LoadModel> asked(uint8_t node) { return transport_.take<wire::LoadModel>(example_id(node)); }

  cluster::Time now_{1h};
  wire::ReplicatedState state_;
  std::string own_;
  testing::FakeTransport transport_;
  Dispatch dispatch_;
  std::vector<std::function<void(Result<wire::ServedModel>)>> prepared_;
  std::vector<wire::ModelSet> proposed_;
  std::string advice_;
  ModelLoads loads_{example_id(2),
                    transport_,
                    {.now = [this] { return now_; },
                     .state = [this]() -> const wire::ReplicatedState& { return state_; },
                     .has_file = [this](const std::string& model) { return model == own_; },
                     .prepare = [this](const std::string&, const wire::LoadSettings&,
                                       auto done) { prepared_.push_back(std::move(done)); },
                     .propose = [this](const wire::ModelSet& event) { proposed_.push_back(event); },
                     .on_change = [] {},
                     .advise = [this](const wire::ServedModel&, const auto& done) { done(advice_); }}};
};

TEST_F(ModelLoadsTest, TheNodeWithTheLowestIdThatHasTheFileIsAsked) {
  have(1, "tiny");
  have(3, "tiny");
  loads_.want("tiny", settings(true));
  EXPECT_EQ(asked(1), std::vector({wire::LoadModel{.model = "tiny", .settings = settings(true)}}));
  EXPECT_TRUE(asked(3).empty());
  EXPECT_TRUE(loads_.active("tiny"));
  loads_.update();
  EXPECT_TRUE(asked(1).empty()) << "it has time to answer";
  now_ += ModelLoads::kAskAgain;
  loads_.update();
  EXPECT_EQ(asked(1).size(), 1U) << "the message may be lost";

  transport_.connected.erase(example_id(1));
  loads_.update();
  EXPECT_EQ(asked(3).size(), 1U) << "another one has it, too";

  wire::ServedModel served = model_of(2);
  served.pinned = true;
  add(state_, wire::ModelSet{served});
  loads_.update();
  EXPECT_FALSE(loads_.active("tiny"));
  EXPECT_FALSE(loads_.failure("tiny"));
}

TEST_F(ModelLoadsTest, AModelThatNobodyHasIsNotFound) {
  loads_.want("tiny", {});
  EXPECT_FALSE(loads_.active("tiny"));
  ASSERT_TRUE(loads_.failure("tiny"));
  EXPECT_EQ(loads_.failure("tiny")->code, ErrorCode::not_found);
  have(1, "tiny");
  loads_.want("tiny", {});
  EXPECT_TRUE(loads_.active("tiny")) << "it is tried again";
}

TEST_F(ModelLoadsTest, ARefusalIsTheReason) {
  have(1, "tiny");
  loads_.want("tiny", {});
  const wire::LoadRefused refused{.model = "tiny", .reason = {ErrorCode::corrupt, "the file is broken"}};
  EXPECT_TRUE(deliver(dispatch_, example_id(3), refused));
  EXPECT_FALSE(loads_.failure("tiny")) << "that node was not asked";
  EXPECT_TRUE(deliver(dispatch_, example_id(1), refused));
  ASSERT_TRUE(loads_.failure("tiny"));
  EXPECT_EQ(loads_.failure("tiny")->message, "the file is broken");
}

TEST_F(ModelLoadsTest, OneThatIsAskedProposesTheModelOnce) {
  have(2, "tiny");
  EXPECT_TRUE(deliver(dispatch_, example_id(1), wire::LoadModel{.model = "tiny", .settings = {}}));
  EXPECT_TRUE(deliver(dispatch_, example_id(3), wire::LoadModel{.model = "tiny", .settings = {}}));
  ASSERT_EQ(prepared_.size(), 1U);
  prepared_[0](model_of(2));
  ASSERT_EQ(proposed_.size(), 1U);
  EXPECT_EQ(proposed_[0].model.model, "tiny");
  EXPECT_TRUE(deliver(dispatch_, example_id(1), wire::LoadModel{.model = "tiny", .settings = {}}));
  EXPECT_EQ(prepared_.size(), 1U) << "the proposal is on its way";
  now_ += ModelLoads::kPrepareAgain;
  loads_.update();
  EXPECT_TRUE(deliver(dispatch_, example_id(1), wire::LoadModel{.model = "tiny", .settings = {}}));
  EXPECT_EQ(prepared_.size(), 2U) << "it was lost";
  EXPECT_TRUE(transport_.sent.empty());
}

TEST_F(ModelLoadsTest, AModelThatMadeRoomAgainIsProposedAtOnce) {
  have(2, "tiny");
  loads_.want("tiny", {});
  prepared_.at(0)(model_of(2));
  ASSERT_EQ(proposed_.size(), 1U);
  add(state_, proposed_[0]);
  loads_.update();
  add(state_, wire::ModelRemoved{.content = proposed_[0].model.content, .reason = "it makes room for another"});
  loads_.want("tiny", {});
  EXPECT_EQ(prepared_.size(), 2U) << "it has been loaded, so that proposal is not on its way any more";
}

TEST_F(ModelLoadsTest, WhatCannotFitIsRefusedAtOnceWithWhatIsMissing) {
  have(2, "tiny");
  loads_.want("tiny", {});
  EXPECT_TRUE(deliver(dispatch_, example_id(3), wire::LoadModel{.model = "tiny", .settings = {}}));
  wire::ServedModel pinned = model_of(9, "pinned");
  pinned.content = "def";
  pinned.pinned = true;
  add(state_, wire::ModelSet{pinned});
  wire::PlanMade made;
  made.plan.epoch = wire::PlanEpoch(1);
  made.plan.content = "def";
  made.plan.stages = {{.device = {.node = example_id(1), .device = "gpu0"}, .layers = {0, 9}}};
  made.stage_bytes = {900'000'000};
  add(state_, made);
  ASSERT_EQ(prepared_.size(), 1U);
  advice_ = "It would fit without pinned.";
  prepared_[0](model_of(20));
  EXPECT_TRUE(proposed_.empty());
  ASSERT_TRUE(loads_.failure("tiny"));
  EXPECT_EQ(loads_.failure("tiny")->code, ErrorCode::resource_exhausted);
  EXPECT_TRUE(loads_.failure("tiny")->message.contains("bytes are missing. It would fit without pinned."))
      << loads_.failure("tiny")->message;
  const auto refused = transport_.take<wire::LoadRefused>(example_id(3));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].reason.message, loads_.failure("tiny")->message);
}

TEST_F(ModelLoadsTest, ModelsThatAreNotPinnedCountAsRoom) {
  have(2, "tiny");
  wire::ServedModel other = model_of(20, "other");
  other.content = "def";
  add(state_, wire::ModelSet{other});
  loads_.want("tiny", {});
  prepared_.at(0)(model_of(20));
  EXPECT_EQ(proposed_.size(), 1U);
}

TEST_F(ModelLoadsTest, SettingsThatLeaveThePlanAreProposedWithoutTheFile) {
  add(state_, wire::ModelSet{model_of(2)});
  loads_.want("tiny", settings(true, 60));
  ASSERT_EQ(proposed_.size(), 1U);
  EXPECT_TRUE(proposed_[0].model.pinned);
  EXPECT_EQ(proposed_[0].model.keep_loaded_s, 60U);
  add(state_, proposed_[0]);
  loads_.want("tiny", settings(false, 5));
  EXPECT_EQ(proposed_.size(), 1U) << "a pinned one stays for as long as it is pinned";

  have(1, "tiny");
  loads_.want("tiny", settings(false, {}, 512));
  EXPECT_EQ(proposed_.size(), 1U);
  EXPECT_EQ(asked(1).size(), 1U) << "another context has another shape";
}

TEST_F(ModelLoadsTest, OtherDevicesAreProposedWithoutTheFileIfThereIsAPlan) {
  add(state_, wire::ModelSet{model_of(2)});
  wire::LoadSettings by_hand;
  by_hand.layers = "n1/gpu0:0-0,n3/gpu0:1-1";
  by_hand.objective = wire::Objective::throughput;
  loads_.want("tiny", by_hand);
  ASSERT_EQ(proposed_.size(), 1U);
  EXPECT_EQ(proposed_[0].model.layers, by_hand.layers);
  EXPECT_EQ(proposed_[0].model.settings.objective, wire::Objective::throughput);
  add(state_, proposed_[0]);
  loads_.want("tiny", by_hand);
  EXPECT_EQ(proposed_.size(), 1U) << "so it is served already";

  wire::LoadSettings nowhere;
  nowhere.layers = "attic:0-1";
  loads_.want("tiny", nowhere);
  EXPECT_EQ(proposed_.size(), 1U);
  ASSERT_TRUE(loads_.failure("tiny"));
  EXPECT_TRUE(loads_.failure("tiny")->message.contains("there is no device \"attic\""))
      << loads_.failure("tiny")->message;

  wire::LoadSettings planned;
  planned.layers = "";
  planned.without = {"n3"};
  loads_.want("tiny", planned);
  ASSERT_EQ(proposed_.size(), 2U);
  EXPECT_EQ(proposed_[1].model.layers, "");
  EXPECT_EQ(proposed_[1].model.without, std::vector<std::string>{"n3"});
}

TEST_F(ModelLoadsTest, AContentThatIsServedByAnotherNameKeepsThatName) {
  have(2, "other");
  add(state_, wire::ModelSet{model_of(2)});
  loads_.want("other", {});
  ASSERT_EQ(prepared_.size(), 1U);
  prepared_[0](model_of(2, "other"));
  EXPECT_TRUE(proposed_.empty()) << "it is served already";
  EXPECT_TRUE(loads_.active("other"));
  wire::LibraryModel facts;
  facts.model = "other";
  facts.content = model_of(2).content;
  add(state_, wire::LibraryReported{.node = example_id(2), .models = {facts}});
  loads_.update();
  EXPECT_FALSE(loads_.active("other"));
  EXPECT_FALSE(loads_.failure("other"));

  loads_.want("other", settings(true));
  ASSERT_EQ(proposed_.size(), 1U);
  EXPECT_EQ(proposed_[0].model.model, "tiny");
  EXPECT_TRUE(proposed_[0].model.pinned);
}

TEST_F(ModelLoadsTest, ANameThatAnotherModelHasIsRefused) {
  have(2, "tiny");
  loads_.want("tiny", {});
  wire::ServedModel other = model_of(2);
  other.content = "def";
  other.settings.context = 77;
  loads_.want("tiny", settings(false, {}, 512));
  add(state_, wire::ModelSet{other});
  prepared_.at(0)(model_of(2));
  EXPECT_TRUE(proposed_.empty());
  ASSERT_TRUE(loads_.failure("tiny"));
  EXPECT_EQ(loads_.failure("tiny")->code, ErrorCode::already_exists);
}

}  // namespace
}  // namespace exogpu::node
