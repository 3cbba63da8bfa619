#include "node/requests.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"
#include "node/testing/fake_transport.h"
#include "node/testing/generation_log.h"
#include "node/testing/tiny_file.h"

namespace exogpu::node {
namespace {

using cluster::testing::add;
using cluster::testing::example_id;
using testing::deliver;
using testing::GenerationLog;
using testing::TaskQueue;
using Lines = std::vector<std::string>;

constexpr wire::PlanEpoch kEpoch{7};

// A node whose ring is a driver that keeps its steps: the test completes them.
class RequestsTest : public ::testing::Test {
 protected:
  RequestsTest() {
    requests_.register_handlers(dispatch_);
    transport_.connected = {example_id(2), example_id(3)};
  }
  void serve() {
    const testing::TinyFile file("llama");
    serve("abc", "tiny", kEpoch, file);
  }
  // All stages of a plan for this model are ready.
  void serve(const std::string& content, const std::string& name, wire::PlanEpoch epoch,
             const testing::TinyFile& file) {
    wire::ServedModel model = cluster::testing::example_model(2);
    model.content = content;
    model.model = name;
    wire::PlanMade made;
    made.plan.epoch = epoch;
    made.plan.model = name;
    made.plan.content = content;
    made.stage_bytes = {1};
    made.plan.settings.context = 64;
    made.plan.stages = {{.device = {.node = example_id(1), .device = "cpu"}, .layers = {0, 2}}};
    add(state_, wire::ModelSet{model});
    add(state_, made);
    add(state_, wire::StageReported{.epoch = epoch, .stage = 0, .phase = wire::StagePhase::ready, .failure = {}});
    encoders_[content].encoder = PromptEncoder::load(file.gguf()).value();
    update();
  }
  void update() {
    requests_.update(state_, {}, [this](const std::string& content) { return encoders_[content]; }, now_);
  }
  // The first stage is here.
  void have_ring() {
    first_node_ = example_id(1);
    driver_.emplace(kEpoch, pipeline::ScheduleOptions{.sequences = 4, .context = 64},
                    [this](pipeline::Work work) { steps_.push_back(std::move(work.step)); });
  }
  // The ring computes until nothing is in flight: it samples 65, 66, ... for every span that requests a token.
  void compute() {
    while (!steps_.empty()) {
      for (const wire::Step& step : std::exchange(steps_, {})) {
        wire::StepDone done{.epoch = step.epoch, .number = step.number};
        for (const wire::Span& span : step.spans) {
          if (span.sample) done.tokens.push_back({.sequence = span.sequence, .token = next_token_++});
        }
        driver_->on_done(done);
      }
    }
  }
  std::shared_ptr<GenerationLog> ask(uint32_t tokens_max = 2, const std::string& model = "tiny",
                                     std::optional<std::chrono::milliseconds> wait = {}) {
    GenerationRequest request{.model = model, .prompt = std::vector<model::TokenId>{1, 2, 3}, .options = {}};
    request.wait = wait;
    request.options.tokens_max = tokens_max;
    request.options.ignore_end = true;
    auto log = std::make_shared<GenerationLog>();
    requests_.generate(std::move(request), log, cancel_.get_token());
    tasks_.run();
    return log;
  }
  static wire::Generate remote_request(uint64_t number, wire::PlanEpoch epoch = kEpoch) {
    return {.epoch = epoch, .request = number, .tokens = {1, 2, 3}, .prompt_tokens = 3, .tokens_max = 2};
  }

  LiveRates measure(std::chrono::steady_clock::time_point at) { return requests_.measure("abc", *driver_, at); }

  wire::ReplicatedState state_;
  std::map<std::string, EncoderStatus> encoders_;
  cluster::Time now_{std::chrono::hours(1)};
  TaskQueue tasks_;
  std::stop_source cancel_;
  testing::FakeTransport transport_;
  Dispatch dispatch_;
  std::vector<wire::Step> steps_;
  wire::TokenId next_token_ = 65;
  std::optional<pipeline::Driver> driver_;
  std::optional<wire::NodeId> first_node_;
  Requests requests_{
      example_id(1),
      transport_,
      {.driver = [this](wire::PlanEpoch epoch) { return epoch == kEpoch && driver_ ? &*driver_ : nullptr; },
       .first_node = [this](wire::PlanEpoch) { return first_node_; }},
      {.post = [this](TaskQueue::Task task) { tasks_.post(std::move(task)); },
       .in_background = [this](TaskQueue::Task task) { tasks_.post(std::move(task)); },
       .wait = std::chrono::seconds(5)},
      [](const std::string&) {}};
};

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
