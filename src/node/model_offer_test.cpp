#include "node/model_offer.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"

namespace exogpu::node {
namespace {

using namespace cluster::testing;
using namespace std::chrono_literals;

class ModelOfferTest : public ::testing::Test {
 protected:
  std::optional<wire::ModelSet> proposal(uint64_t term = 1) {
    return offer_.proposal(state_, example_term(term), now_);
  }

  cluster::Time now_{1h};
  wire::ReplicatedState state_;
  ModelOffer offer_{example_model(4)};
};

TEST_F(ModelOfferTest, NothingIsProposedBeforeTheFileWasRead) {
  EXPECT_FALSE(proposal());
  offer_.set_content("abc");
  ASSERT_TRUE(proposal());
}

TEST_F(ModelOfferTest, ANodeWithoutAModelProposesNone) {
  ModelOffer none(std::nullopt);
  none.set_content("abc");
  EXPECT_FALSE(none.proposal(state_, example_term(1), now_));
}

TEST_F(ModelOfferTest, IsRepeatedNowAndThenUntilTheStateHasIt) {
  offer_.set_content("abc");
  EXPECT_TRUE(proposal());
  EXPECT_FALSE(proposal());
  now_ += ModelOffer::kRetry;
  const auto again = proposal();
  ASSERT_TRUE(again);
  add(state_, *again);
  now_ += ModelOffer::kRetry;
  EXPECT_FALSE(proposal());
}

TEST_F(ModelOfferTest, AnotherLeaderMayHaveLostIt) {
  offer_.set_content("abc");
  add(state_, *proposal());
  EXPECT_FALSE(proposal());
  state_.models.clear();
  now_ += ModelOffer::kRetry;
  EXPECT_TRUE(proposal(2));
}

TEST_F(ModelOfferTest, ANameIsOfOneModel) {
  offer_.set_content("abc");
  wire::ServedModel other = example_model(4);
  other.content = "def";
  add(state_, wire::ModelSet{other});
  EXPECT_TRUE(offer_.name_taken(state_));
  EXPECT_FALSE(proposal());
  add(state_, wire::ModelRemoved{.content = "def", .reason = "nobody uses it"});
  EXPECT_FALSE(offer_.name_taken(state_));
  EXPECT_TRUE(proposal());
}

TEST_F(ModelOfferTest, IsServedBesideOthers) {
  offer_.set_content("abc");
  wire::ServedModel other = example_model(4);
  other.content = "def";
  other.model = "other";
  add(state_, wire::ModelSet{other});
  EXPECT_TRUE(proposal());
}

TEST_F(ModelOfferTest, SettingsOfAnEarlierStartAreReplaced) {
  offer_.set_content("abc");
  wire::ServedModel earlier = example_model(4);
  earlier.settings.context = 512;
  add(state_, wire::ModelSet{earlier});
  EXPECT_TRUE(proposal());
}

TEST_F(ModelOfferTest, ANodeThatJoinsLeavesTheSettingsToTheCluster) {
  ModelOffer joining(example_model(4), true);
  joining.set_content("abc");
  EXPECT_TRUE(joining.proposal(state_, example_term(1), now_));
  wire::ServedModel served = example_model(4);
  served.settings.context = 512;
  add(state_, wire::ModelSet{served});
  now_ += ModelOffer::kRetry;
  EXPECT_FALSE(joining.proposal(state_, example_term(1), now_));
}

TEST_F(ModelOfferTest, IsOverForGoodWhenSomebodyRemovesTheModel) {
  offer_.set_content("abc");
  add(state_, *proposal());
  EXPECT_FALSE(proposal());
  add(state_, wire::ModelRemoved{.content = "abc", .reason = "nobody uses it"});
  now_ += ModelOffer::kRetry;
  EXPECT_FALSE(proposal());
  EXPECT_FALSE(proposal(2));
}

TEST_F(ModelOfferTest, IsOverForGoodWhenSomebodyChoosesOtherSettings) {
  offer_.set_content("abc");
  add(state_, *proposal());
  EXPECT_FALSE(proposal());
  only(state_).served.settings.context = 512;
  now_ += ModelOffer::kRetry;
  EXPECT_FALSE(proposal());
  EXPECT_FALSE(proposal(2));
}

}  // namespace
}  // namespace exogpu::node
