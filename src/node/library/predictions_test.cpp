#include "node/library/predictions.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"
#include "node/testing/generation_log.h"

namespace exogpu::node {
namespace {

using cluster::testing::add;
using cluster::testing::example_facts;
using cluster::testing::example_id;
using testing::TaskQueue;
using namespace std::chrono_literals;

wire::LibraryModel file_of(const std::string& name, Bytes bytes) {
  wire::LibraryModel file;
  file.model = name;
  file.bytes = bytes;
  file.layers = 4;
  file.parameters = bytes;
  file.context = 2048;
  file.work = {.layer_bytes = bytes,
               .active_layer_bytes = bytes,
               .kv_bytes_per_token = 1000,
               .flops_per_token = 1e9,
               .activation_width = 256,
               .vocabulary = 1000};
  return file;
}

class PredictionsTest : public ::testing::Test {
 protected:
  PredictionsTest() { add(state_, wire::NodeReported{example_facts(1)}); }
  void have(size_t count) {
    wire::LibraryReported library{.node = example_id(1), .models = {}};
    for (size_t i = 0; i < count; ++i) library.models.push_back(file_of("model" + std::to_string(i), 100'000'000));
    add(state_, library);
  }
  size_t known() const {
    const auto& files = state_.nodes.begin()->second.library;
    return static_cast<size_t>(
        std::ranges::count_if(files, [&](const auto& file) { return predictions_.find(file).has_value(); }));
  }

  cluster::Time now_{1h};
  wire::ReplicatedState state_;
  TaskQueue tasks_;
  int changes_ = 0;
  wire::ServingSettings settings_{.context = 0, .sequences = 0};
  Predictions predictions_{[this](const std::string&) { return settings_; },
                           {.post = [this](TaskQueue::Task task) { tasks_.post(std::move(task)); },
                            .in_background = [this](TaskQueue::Task task) { tasks_.post(std::move(task)); },
                            .on_change = [this] { ++changes_; }}};
};

TEST_F(PredictionsTest, TheyAreMadeAFewAtATimeWhileSomebodyLooks) {
  have(6);
  predictions_.update(state_, now_);
  tasks_.run();
  EXPECT_EQ(known(), 0U) << "nobody looks";
  EXPECT_TRUE(predictions_.want(now_));
  EXPECT_FALSE(predictions_.want(now_)) << "that is known already";
  predictions_.update(state_, now_);
  predictions_.update(state_, now_);
  tasks_.run();
  EXPECT_EQ(known(), Predictions::kAtOnce);
  EXPECT_EQ(changes_, 1);
  predictions_.update(state_, now_);
  tasks_.run();
  EXPECT_EQ(known(), 6U);
  predictions_.update(state_, now_);
  tasks_.run();
  EXPECT_EQ(changes_, 2) << "all of them are known";

  add(state_, wire::NodeReported{example_facts(2, 4'000'000'000, 1e12)});
  predictions_.update(state_, now_ + Predictions::kWantedFor);
  tasks_.run();
  EXPECT_EQ(changes_, 2) << "nobody looks any more";
  const double before = predictions_.find(file_of("model0", 100'000'000))->speed.tokens_per_s_alone;
  EXPECT_TRUE(predictions_.want(now_ + Predictions::kWantedFor));
  predictions_.update(state_, now_ + Predictions::kWantedFor);
  tasks_.run();
  EXPECT_GT(predictions_.find(file_of("model0", 100'000'000))->speed.tokens_per_s_alone, 2 * before)
      << "the new node is faster";
}

TEST_F(PredictionsTest, AFileThatIsGoneIsForgotten) {
  have(2);
  (void)predictions_.want(now_);
  predictions_.update(state_, now_);
  tasks_.run();
  EXPECT_TRUE(predictions_.find(file_of("model1", 100'000'000)));
  have(1);
  predictions_.update(state_, now_);
  EXPECT_FALSE(predictions_.find(file_of("model1", 100'000'000)));
}

TEST_F(PredictionsTest, SettingsAreThoseThatTheModelWouldBeLoadedWith) {
  const wire::ServingSettings shared = settings_for(file_of("a", 1), settings_);
  EXPECT_EQ(shared.context, 2048U);
  EXPECT_EQ(shared.tokens_of_all(), 16384U);
  EXPECT_EQ(shared.sequences, 16U);
  const wire::ServingSettings fixed = settings_for(file_of("a", 1), {.context = 512, .sequences = 2});
  EXPECT_EQ(fixed.context, 512U);
  EXPECT_EQ(fixed.tokens_of_all(), 1024U);
}

}  // namespace
}  // namespace exogpu::node
