// Workers of several models on one node, with shards of the engine.
#include "worker/model_workers.h"

#include <gtest/gtest.h>

#include "node/testing/worker_cluster.h"
#include "node/testing/worker_models.h"

namespace exogpu::node {
namespace {

using namespace testing;
using engine::testing::tokens_of;
using worker::ModelWorkers;

class ModelWorkersTest : public ::testing::Test {
 protected:
  ModelWorkersTest() { add(state_, wire::NodeReported{cluster::testing::example_facts(1)}); }
  ~ModelWorkersTest() override { workers_.stop({ErrorCode::unavailable, "the node is stopping"}); }

  // All of the model on this node's CPU.
  wire::PlanEpoch serve(const std::string& content) {
    wire::ServedModel model = cluster::testing::example_model(4);
    model.content = content;
    wire::PlanMade made{.plan = {.epoch = wire::PlanEpoch(state_.epoch_last.value() + 1),
                                 .model = content,
                                 .content = content,
                                 .stages = {{.device = {.node = example_id(1), .device = "cpu"}, .layers = {0, 4}}},
                                 .settings = {.context = 512, .sequences = 2, .batch_tokens = 64}},
                        .stage_bytes = {1},
                        .predicted = {}};
    add(state_, wire::ModelSet{model});
    add(state_, made);
    follow();
    return made.plan.epoch;
  }
  void remove(const std::string& content) {
    add(state_, wire::ModelRemoved{.content = content, .reason = "nobody uses it"});
    follow();
  }
  cluster::Time now() const { return std::chrono::steady_clock::now(); }
  void follow() { workers_.follow(state_, true, now()); }
  void step() {
    tasks_.run();
    workers_.tick(now());
    const wire::Position before = state_.at;
    for (const auto& [content, worker] : workers_.all()) {
      for (const auto& [stage, status] : worker->stages()) {
        const wire::StageReported report{
            .epoch = worker->epoch(), .stage = stage, .phase = status.phase, .failure = status.failure};
        if (cluster::changes(state_, report)) add(state_, report);
      }
    }
    if (state_.at != before) follow();
  }
  void run_until(const std::function<bool()>& ready) {
    const auto until = now() + std::chrono::minutes(1);
    while (!ready()) {
      ASSERT_LT(now(), until) << "nothing happens any more";
      step();
    }
  }
  bool serves(wire::PlanEpoch epoch) const { return workers_.driver(epoch) != nullptr; }
  void ask(wire::PlanEpoch epoch, uint32_t count, ReceivedAnswer& received) {
    pipeline::Request request{.tokens = tokens_of(60, 64), .sampling = {}, .tokens_max = count, .end_tokens = {}};
    request.sampling.temperature = 0;
    ASSERT_TRUE(workers_.driver(epoch)->generate(std::move(request), [&](const pipeline::TokenEvent& event) {
      if (event.token) received.tokens.push_back(event.token->token);
      received.end = event.end;
      received.failure = event.failure;
    }));
  }
  static void check_answer(const ReceivedAnswer& received, size_t count) {
    EXPECT_FALSE(received.failure) << received.failure->message;
    EXPECT_EQ(received.tokens.size(), count);
  }

  SharedGguf file_ = small();
  pipeline::testing::Tasks tasks_;
  wire::ReplicatedState state_;
  ShardBackend backend_{machine(), 1, [this](pipeline::testing::Tasks::Task task) { tasks_.post(std::move(task)); },
                        nullptr};
  ModelWorkers workers_{
      example_id(1),
      "n1",
      backend_,
      {.post = [this](pipeline::testing::Tasks::Task task) { tasks_.post(std::move(task)); },
       .send = [](wire::NodeId, const net::Outgoing&) -> Result<void> { return fail(ErrorCode::unavailable, "alone"); },
       .fetch = [this](const wire::StagePlan&, wire::LayerRange, const auto&,
                       auto done) { tasks_.post([this, done = std::move(done)] { done(file_); }); },
       .on_file = [](const wire::StagePlan&, const SharedGguf&) {},
       .connected = [](wire::NodeId) { return true; },
       .on_change = [](const WorkerChanges&) {},
       .on_broken = [](const wire::PlanEnded& broken) { ADD_FAILURE() << broken.reason; },
       .on_note = [](const std::string& note) { ADD_FAILURE() << note; }}};
};

TEST_F(ModelWorkersTest, TwoModelsAreServedAtOnce) {
  const auto first = serve("abc"), second = serve("def");
  run_until([&] { return serves(first) && serves(second); });
  EXPECT_NE(workers_.ring(first), workers_.ring(second));
  EXPECT_EQ(workers_.ring(wire::PlanEpoch(99)), nullptr);
  ReceivedAnswer of_first, of_second;
  ask(first, 20, of_first);
  ask(second, 20, of_second);
  EXPECT_EQ(workers_.busy(), (std::set<std::string>{"abc", "def"}));
  run_until([&] { return of_first.over() && of_second.over(); });
  check_answer(of_first, 20);
  EXPECT_EQ(of_first.tokens, of_second.tokens);
  EXPECT_TRUE(workers_.busy().empty());
  remove("abc");
  run_until([&] { return workers_.find("abc") == nullptr; });
  EXPECT_TRUE(serves(second));
  // It comes again, and takes no older plan than those that it had.
  const auto again = serve("abc");
  EXPECT_EQ(workers_.find("abc")->local_plan().epoch_last, again);
  run_until([&] { return serves(again); });
}

TEST_F(ModelWorkersTest, AModelIsLoadedOnceAnotherHasLeftItsMemory) {
  const auto first = serve("abc");
  run_until([&] { return serves(first); });
  ReceivedAnswer received;
  ask(first, 300, received);
  run_until([&] { return !received.tokens.empty(); });
  remove("abc");
  const auto second = serve("def");
  run_until([&] { return workers_.find("def")->waits_for_memory(); });
  EXPECT_FALSE(received.over()) << "what is answered ends first";
  EXPECT_EQ(workers_.find("def")->doing().why, "waiting for memory that another model is leaving");
  EXPECT_EQ(workers_.find("def")->loads(), 0U);
  run_until([&] { return serves(second); });
  check_answer(received, 300);
}

TEST_F(ModelWorkersTest, StagesWithoutAPlanGoWhereAnotherModelNeedsTheirMemory) {
  const auto first = serve("abc");
  run_until([&] { return serves(first); });
  add(state_, wire::PlanEnded{.content = "abc", .epoch = first, .reason = "a link broke"});
  follow();
  step();
  EXPECT_TRUE(workers_.find("abc")->plan()) << "the next plan may need them";
  const auto second = serve("def");
  run_until([&] { return serves(second); });
  EXPECT_FALSE(workers_.find("abc")->plan());
  EXPECT_EQ(workers_.find("abc")->loads(), 1U);
}

TEST_F(ModelWorkersTest, StagesWithoutAPlanGoWhereTheNodeIsShortOfMemory) {
  const auto first = serve("abc");
  run_until([&] { return serves(first); });
  workers_.set_memory_short(true, now());
  step();
  EXPECT_TRUE(serves(first)) << "what is planned stays";
  workers_.set_memory_short(false, now());
  add(state_, wire::PlanEnded{.content = "abc", .epoch = first, .reason = "a link broke"});
  follow();
  step();
  EXPECT_TRUE(workers_.find("abc")->plan());
  workers_.set_memory_short(true, now());
  run_until([&] { return !workers_.find("abc")->plan(); });
}

}  // namespace
}  // namespace exogpu::node
