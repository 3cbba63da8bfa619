// Workers with shards, when the file that they compute from is changed.
#include <gtest/gtest.h>

#include <filesystem>

#include "node/testing/worker_cluster.h"
#include "node/testing/worker_models.h"

namespace exogpu::node {
namespace {

using namespace testing;
using engine::testing::tokens_of;
using std::chrono::seconds;
using wire::PlanEpoch;

const Error kNoCopy{ErrorCode::not_found, "none of the 1 connected nodes has it"};

// The file of small(), for this test alone.
class ChangedFileTest : public ::testing::Test {
 protected:
  ChangedFileTest() { two_.nodes[1]->file = open(); }
  SharedGguf open() const { return std::make_shared<const model::Gguf>(model::Gguf::open(file_.path()).value()); }
  void change() { std::filesystem::resize_file(file_.path(), 1000); }
  // As the leader does it.
  void plan_again() {
    const auto plan = *two_.worker(0).plan();
    add(two_.state, wire::PlanEnded{.content = "abc", .epoch = plan.epoch, .reason = "a file was changed"});
    two_.report_state();
    auto next = plan;
    next.epoch = PlanEpoch(plan.epoch.value() + 1);
    two_.set(next);
  }

  const engine::testing::TinyFile file_{
      "llama", 1, {.matrices = tiny::MatrixType::f32, .layers = 4, .embedding_length = 64}};
  WorkerCluster two_{2, small()};
};

TEST_F(ChangedFileTest, ItsPartIsFetchedAgainOnceThereIsAnotherCopy) {
  two_.set(two_.example_plan({1, 4}, {0, 1}));
  two_.run_until_served();
  EXPECT_EQ(two_.answer(), expected());
  WorkerNode& node = *two_.nodes[1];
  node.fetch_failures.assign(2, kNoCopy);
  change();
  // Without a copy the ring stays, and names the file.
  for (size_t i = 1; i <= 2; ++i) {
    two_.later += seconds(1);
    two_.run_until([&] { return node.fetches.size() == 1 + i; });
    ReceivedAnswer received;
    ASSERT_TRUE(two_.ask(tokens_of(10, 64), 5, received));
    two_.run_until([&] { return received.over(); });
    ASSERT_TRUE(received.failure);
    EXPECT_NE(received.failure->message.find(file_.path().filename().string()), std::string::npos);
    EXPECT_TRUE(node.broken.empty());
  }
  EXPECT_EQ(node.notes.size(), 1U) << "it is reported once";
  node.file = small();
  two_.later += seconds(10);
  two_.run_until([&] { return !node.broken.empty(); });
  EXPECT_EQ(node.broken[0].epoch, PlanEpoch(1));
  EXPECT_FALSE(node.broken[0].link);
  EXPECT_TRUE(two_.nodes[0]->broken.empty());
  plan_again();
  two_.run_until_served();
  EXPECT_EQ(two_.worker(0).loads(), 1U);
  EXPECT_EQ(two_.worker(1).loads(), 2U);
  EXPECT_EQ(node.fetches.back(), (wire::LayerRange{1, 4}));
  EXPECT_EQ(two_.answer(), expected());
}

TEST_F(ChangedFileTest, APlanWithTheSamePartDoesNotTakeItOver) {
  two_.set(two_.example_plan({1, 4}, {0, 1}));
  two_.run_until_served();
  change();
  two_.nodes[1]->file = small();
  plan_again();
  two_.run_until_served();
  EXPECT_EQ(two_.worker(1).loads(), 2U);
  EXPECT_EQ(two_.answer(), expected());
}

TEST_F(ChangedFileTest, BeforeItIsLoadedItIsFetchedAgain) {
  two_.nodes[1]->fetch_waits = true;
  two_.set(two_.example_plan({1, 4}, {0, 1}));
  two_.run_until([&] { return two_.nodes[1]->fetched != nullptr; });
  change();
  two_.nodes[1]->fetch_waits = false;
  two_.nodes[1]->file = small();
  std::exchange(two_.nodes[1]->fetched, {})();
  two_.run_until_served();
  EXPECT_EQ(two_.nodes[1]->fetches.size(), 2U);
  EXPECT_EQ(two_.answer(), expected());
}

}  // namespace
}  // namespace exogpu::node
