#include "node/requests.h"

#include <gtest/gtest.h>

#include "node/testing/requests_fixture.h"

namespace exogpu::node {
namespace {

using namespace testing;

TEST_F(RequestsTest, WithTheFirstStageHereTheRingIsAskedDirectly) {
  serve();
  have_ring();
  const auto log = ask(2);
  compute();
  EXPECT_EQ(log->lines, (Lines{"prompt 3", "0 ends: length, 2 tokens"}));
  EXPECT_TRUE(transport_.sent.empty());
  EXPECT_TRUE(requests_.answering_nodes().empty());
}

TEST_F(RequestsTest, ARequestWaitsForTheFirstPlan) {
  const auto early = ask(2);
  const auto another = ask(2);
  const auto impatient = ask(2, "tiny", std::chrono::milliseconds(0));
  EXPECT_EQ(impatient->lines, Lines{"error: the node is starting"});
  have_ring();
  serve();
  tasks_.run();
  compute();
  EXPECT_EQ(early->lines, (Lines{"prompt 3", "0 ends: length, 2 tokens"}));
  EXPECT_EQ(another->lines, early->lines);
}

TEST_F(RequestsTest, ElsewhereTheNodeOfTheFirstStageIsAsked) {
  serve();
  first_node_ = example_id(2);
  const auto log = ask(2);
  const auto asked = transport_.take<wire::Generate>(example_id(2));
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].epoch, kEpoch);
  EXPECT_EQ(requests_.answering_nodes(), std::set{example_id(2)});
  wire::Generated message{.request = asked[0].request};
  message.tokens = {{.token = 65}};
  EXPECT_TRUE(deliver(dispatch_, example_id(3), message));  // of a node that was not asked
  EXPECT_TRUE(deliver(dispatch_, example_id(2), message));
  message.end = wire::GenerateEnd::length;
  EXPECT_TRUE(deliver(dispatch_, example_id(2), message));
  EXPECT_EQ(log->lines.back(), "0 ends: length, 2 tokens");
  EXPECT_TRUE(requests_.answering_nodes().empty());
}

TEST_F(RequestsTest, ARequestIsForTheModelThatItNames) {
  EXPECT_EQ(requests_.ready().error().message, "the node is starting");
  const auto at_once = std::chrono::milliseconds(0);
  EXPECT_EQ(ask(2, "tiny", at_once)->lines, Lines{"error: the node is starting"});
  update();
  EXPECT_EQ(ask(2, "tiny", at_once)->lines, Lines{"error: no model is to be served"});
  const testing::TinyFile file("llama");
  serve("def", "other", wire::PlanEpoch(8), file);
  EXPECT_EQ(ask()->lines, Lines{"error: there is no model \"tiny\"; here is \"other\""});
  serve("abc", "tiny", wire::PlanEpoch(9), file);
  ASSERT_EQ(requests_.models().size(), 2U);
  EXPECT_EQ(requests_.models()[0].id, "other");
  EXPECT_EQ(requests_.models()[1].id, "tiny");
  EXPECT_TRUE(requests_.ready());

  first_node_ = example_id(2);
  (void)ask(2, "tiny");
  (void)ask(2, "other");
  (void)ask(2, "");
  const auto asked = transport_.take<wire::Generate>(example_id(2));
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(asked[0].epoch, wire::PlanEpoch(9));
  EXPECT_EQ(asked[1].epoch, wire::PlanEpoch(8));
  EXPECT_EQ(asked[2].epoch, wire::PlanEpoch(8)) << "the first";
  EXPECT_EQ(std::set({asked[0].request, asked[1].request, asked[2].request}).size(), 3U)
      << "a node's requests for all models have numbers of their own";
  EXPECT_EQ(requests_.busy(), (std::set<std::string>{"abc", "def"}));
}

TEST_F(RequestsTest, AnswersOfOneModelEndAndThoseOfAnotherDoNot) {
  const testing::TinyFile file("llama");
  serve("abc", "tiny", kEpoch, file);
  serve("def", "other", wire::PlanEpoch(8), file);
  first_node_ = example_id(2);
  const auto tiny = ask(2, "tiny");
  first_node_ = example_id(3);
  const auto other = ask(2, "other");
  EXPECT_EQ(requests_.answering_nodes(), (std::set{example_id(2), example_id(3)}));
  requests_.on_link_down(example_id(2));
  EXPECT_EQ(requests_.answering_nodes(), std::set{example_id(3)});
  wire::Generated message{.request = transport_.take<wire::Generate>(example_id(3)).at(0).request};
  message.tokens = {{.token = 65}};
  message.end = wire::GenerateEnd::length;
  EXPECT_TRUE(deliver(dispatch_, example_id(3), message));
  EXPECT_EQ(other->lines, (Lines{"prompt 3", "0 ends: length, 1 tokens"}));
  EXPECT_TRUE(tiny->lines.empty());  // its ring has not said that it accepts it

  add(state_, wire::ModelRemoved{.content = "abc", .reason = "nobody uses it"});
  update();
  EXPECT_EQ(requests_.models().size(), 2U) << "an answer of it may continue";
  now_ += ServingGate::kPlanTime + std::chrono::seconds(5);
  update();
  EXPECT_EQ(tiny->lines, Lines{"error: the model is not to be served"});
  update();
  ASSERT_EQ(requests_.models().size(), 1U);
  EXPECT_EQ(requests_.models()[0].id, "other");
}

TEST_F(RequestsTest, ALostNodeInterruptsWhatItComputes) {
  serve();
  first_node_ = example_id(2);
  const auto log = ask(2);
  requests_.on_link_down(example_id(3));
  EXPECT_FALSE(requests_.waiting());
  requests_.on_link_down(example_id(2));
  EXPECT_TRUE(requests_.waiting());
  EXPECT_TRUE(log->lines.empty());
  EXPECT_TRUE(requests_.answering_nodes().empty());
}

TEST_F(RequestsTest, ANodeThatCannotBeReachedIsARingThatEnded) {
  serve();
  first_node_ = example_id(9);
  const auto log = ask(2);
  EXPECT_TRUE(requests_.waiting());
  EXPECT_TRUE(log->lines.empty());
  transport_.connected = {example_id(9)};
  transport_.full = true;  // this is no prompt that is too long
  requests_.resume();
  EXPECT_TRUE(requests_.waiting());
}

TEST_F(RequestsTest, ACancelReachesTheNodeThatComputes) {
  serve();
  first_node_ = example_id(2);
  const auto log = ask(2);
  const auto asked = transport_.take<wire::Generate>(example_id(2));
  cancel_.request_stop();
  tasks_.run();
  const auto cancels = transport_.take<wire::CancelGenerate>(example_id(2));
  ASSERT_EQ(cancels.size(), 1U);
  EXPECT_EQ(cancels[0].request, asked.at(0).request);
  EXPECT_EQ(log->lines.back(), "0 ends: cancelled, 0 tokens");
}

TEST_F(RequestsTest, RequestsOfOtherNodesAreComputedHere) {
  have_ring();
  EXPECT_TRUE(deliver(dispatch_, example_id(2), remote_request(5)));
  EXPECT_TRUE(deliver(dispatch_, example_id(3), remote_request(5)));  // numbers are each node's own
  compute();
  for (const uint8_t number : {2, 3}) {
    const auto messages = transport_.take<wire::Generated>(example_id(number));
    ASSERT_EQ(messages.size(), 3U);
    EXPECT_EQ(messages[0], wire::Generated{.request = 5});  // it is accepted
    EXPECT_EQ(messages[1].request, 5U);
    EXPECT_GE(messages[1].tokens.at(0).token, 65);
    EXPECT_EQ(messages[2].end, wire::GenerateEnd::length);
  }
  EXPECT_TRUE(driver_->idle());
}

TEST_F(RequestsTest, ARequestForAnotherRingIsAskedToComeAgain) {
  EXPECT_TRUE(deliver(dispatch_, example_id(2), remote_request(5)));  // no ring begins here
  have_ring();
  EXPECT_TRUE(deliver(dispatch_, example_id(2), remote_request(6, wire::PlanEpoch(8))));
  const auto refusals = transport_.take<wire::Generated>(example_id(2));
  ASSERT_EQ(refusals.size(), 2U);
  for (const wire::Generated& refusal : refusals) {
    EXPECT_TRUE(refusal.interrupted);
    EXPECT_TRUE(refusal.failure);
  }
}

TEST_F(RequestsTest, ARequestThatMakesNoSenseIsRefusedForGood) {
  have_ring();
  wire::Generate too_long = remote_request(5);
  too_long.tokens.assign(65, 1);
  too_long.prompt_tokens = 65;
  EXPECT_TRUE(deliver(dispatch_, example_id(2), too_long));
  const auto refusals = transport_.take<wire::Generated>(example_id(2));
  ASSERT_EQ(refusals.size(), 1U);
  EXPECT_FALSE(refusals[0].interrupted);
}

TEST_F(RequestsTest, RequestsOfALostNodeFreeTheRing) {
  have_ring();
  EXPECT_TRUE(deliver(dispatch_, example_id(2), remote_request(5)));
  EXPECT_TRUE(deliver(dispatch_, example_id(3), remote_request(5)));
  requests_.on_link_down(example_id(2));
  EXPECT_TRUE(deliver(dispatch_, example_id(3), wire::CancelGenerate{.request = 4}));  // none of its requests
  compute();
  EXPECT_EQ(transport_.take<wire::Generated>(example_id(3)).size(), 3U);
  EXPECT_TRUE(driver_->idle());
}

TEST_F(RequestsTest, RatesAreOfTheTimeSinceTheLastCall) {
  have_ring();
  const std::chrono::steady_clock::time_point begin(std::chrono::hours(1));
  EXPECT_EQ(measure(begin).tokens_per_s, 0);
  EXPECT_TRUE(deliver(dispatch_, example_id(2), remote_request(5)));
  EXPECT_EQ(measure(begin).requests, 1U);
  compute();
  const auto rates = measure(begin + std::chrono::seconds(2));
  EXPECT_DOUBLE_EQ(rates.tokens_per_s, 1);
  EXPECT_DOUBLE_EQ(rates.computed_tokens_per_s, 0.5);  // the prompt was in flight at the call before
  EXPECT_EQ(rates.requests, 0U);
}

}  // namespace
}  // namespace exogpu::node
