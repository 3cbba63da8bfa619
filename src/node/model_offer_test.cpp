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
  state_.model.reset();
  now_ += ModelOffer::kRetry;
  EXPECT_TRUE(proposal(2));
}

TEST_F(ModelOfferTest, AModelOfThePreviousClusterIsReplacedInAnotherTerm) {
  offer_.set_content("abc");
  state_.model = example_model(4);
  state_.model->content = "other";
  EXPECT_TRUE(proposal());
}

TEST_F(ModelOfferTest, IsOverForGoodWhenSomebodyChoosesAnotherModel) {
  offer_.set_content("abc");
  add(state_, *proposal());
  EXPECT_FALSE(proposal());
  state_.model->content = "other";
  now_ += ModelOffer::kRetry;
  EXPECT_FALSE(proposal());
  EXPECT_FALSE(proposal(2));
}

}  // namespace
}  // namespace exogpu::node
