#include "node/model_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>

#include "cluster/testing/examples.h"
#include "node/testing/fake_channel.h"
#include "node/testing/generation_log.h"
#include "node/testing/planned_state.h"
#include "tiny_model/tiny_model.h"

namespace exogpu::node {
namespace {

using cluster::testing::example_id;
using cluster::testing::example_term;
using namespace std::chrono_literals;

// The node's thread: runs what other threads post, and waits for it.
class PostedTasks {
 public:
  void post(std::move_only_function<void()> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    posted_.notify_all();
  }
  void run_until(const auto& done) {
    while (!done()) {
      std::unique_lock lock(mutex_);
      posted_.wait(lock, [&] { return !tasks_.empty(); });
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::move_only_function<void()>> tasks_;
};

class ModelFilesTest : public ::testing::Test {
 protected:
  ModelFilesTest() {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              std::format("model_files_{}", ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    const auto bytes = tiny::tiny_model("llama").value();
    std::ofstream(folder_ / "tiny.gguf", std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    file_ = std::make_shared<const model::Gguf>(model::Gguf::open(folder_ / "tiny.gguf").value());
  }
  ~ModelFilesTest() override {
    if (files_) files_->stop();
    files_.reset();
    std::filesystem::remove_all(folder_);
  }
  void make(SharedGguf file, Bytes cache_limit = GiB) {
    const auto cache = weights::WeightCache::open({.folder = folder_ / "cache", .limit = cache_limit});
    files_.emplace(ModelFilesOptions{.file = std::move(file),
                                     .cache = cache.value(),
                                     .manifests = folder_ / "manifests",
                                     .offered_model = cluster::testing::example_model(4)},
                   ModelFilesHost{.post = [this](auto task) { tasks_.post(std::move(task)); },
                                  .in_background = [this](auto task) { background_.post(std::move(task)); },
                                  .on_own_content = [this] { ++contents_; },
                                  .on_own_file_changed = [this](const Error& why) { changes_.push_back(why); },
                                  .on_encoder = [this] { ++encoders_; },
                                  .note = [this](const std::string& text) { notes_.push_back(text); }});
    files_->register_handlers(dispatch_);
    files_->start();
  }
  std::string own_content() {
    tasks_.run_until([&] { return contents_ > 0; });
    return files_->proposal({}, example_term(1), cluster::Time(std::chrono::hours(1)))->model.content;
  }
  // Waits until the weights of the planned model were asked for so often, after a call at this time.
  void expect_queries(int count, bool idle, std::chrono::seconds at) {
    wire::ReplicatedState state = testing::planned_state();
    auto planned = state.models.extract("abc");
    planned.key() = planned.mapped().served.content = planned.mapped().plan->made.plan.content = std::string(64, 'a');
    state.models.insert(std::move(planned));
    files_->update_spare(state, idle, cluster::Time(std::chrono::hours(1) + at));
    const auto sent = [&] { return std::ranges::count(channel_.controls, wire::ControlType::weights_query); };
    tasks_.run_until([&] { return sent() >= count; });
    EXPECT_EQ(sent(), count);
  }
  Result<SharedGguf> fetch(const std::string& content) {
    wire::StagePlan plan;
    plan.content = content;
    plan.stages = {{.device = {}, .layers = {0, 2}}};
    std::optional<Result<SharedGguf>> fetched;
    files_->fetch(plan, {0, 2}, [](Bytes, Bytes) {}, [&](Result<SharedGguf> file) { fetched = std::move(file); });
    EXPECT_FALSE(fetched);  // later, never from inside the call
    tasks_.run_until([&] { return fetched.has_value(); });
    return *std::move(fetched);
  }

  std::filesystem::path folder_;
  SharedGguf file_;
  PostedTasks tasks_;
  testing::TaskQueue background_;
  testing::FakeChannel channel_;
  Dispatch dispatch_;
  int contents_ = 0, encoders_ = 0;
  std::vector<std::string> notes_;
  std::vector<Error> changes_;
  std::optional<ModelFiles> files_;
};

TEST_F(ModelFilesTest, TheOwnFileIsReadOfferedAndUsedWithoutANetwork) {
  make(file_);
  EXPECT_FALSE(files_->proposal({}, example_term(1), cluster::Time(std::chrono::hours(1))));  // not read yet
  const std::string content = own_content();
  EXPECT_TRUE(wire::ContentId::parse(content));
  const auto fetched = fetch(content);
  ASSERT_TRUE(fetched);
  EXPECT_EQ(*fetched, file_);
  EXPECT_EQ(files_->traffic(), WeightTraffic{});
}

TEST_F(ModelFilesTest, AnOwnFileThatChangesIsReportedOnceAndUsedNoLonger) {
  make(file_);
  const std::string content = own_content();
  files_->tick(cluster::Time(std::chrono::seconds(1)));
  EXPECT_TRUE(changes_.empty());
  std::filesystem::resize_file(folder_ / "tiny.gguf", 1000);
  for (int second = 2; second < 5; ++second) files_->tick(cluster::Time(std::chrono::seconds(second)));
  ASSERT_EQ(changes_.size(), 1u);
  EXPECT_EQ(changes_.front().code, ErrorCode::unavailable);
  EXPECT_TRUE(changes_.front().message.contains("tiny.gguf: had ")) << changes_.front().message;
  // It is asked of other nodes, of which there are none.
  wire::StagePlan plan;
  plan.content = content;
  plan.stages = {{.device = {}, .layers = {0, 2}}};
  bool fetched = false;
  files_->fetch(plan, {0, 2}, [](Bytes, Bytes) {}, [&](const Result<SharedGguf>&) { fetched = true; });
  EXPECT_FALSE(fetched);
}

TEST_F(ModelFilesTest, AFileThatWasReadEndsAFetchOfItsLayers) {
  make(nullptr);
  files_->on_link_up(example_id(2), channel_);
  const auto manifest = weights::Catalogue(folder_ / "manifests").manifest_of(*file_).value();
  const auto content = weights::Content::of_file(file_, manifest).value();
  EXPECT_FALSE(files_->has_file(content->id().text()));
  wire::StagePlan plan;
  plan.content = content->id().text();
  plan.stages = {{.device = {}, .layers = {0, 2}}};
  std::vector<Result<SharedGguf>> fetched;
  files_->fetch(
      plan, {0, 2}, [](Bytes, Bytes) {}, [&](Result<SharedGguf> file) { fetched.push_back(std::move(file)); });
  files_->add_file(content);
  EXPECT_TRUE(files_->has_file(content->id().text()));
  EXPECT_TRUE(fetched.empty()) << "never from inside a call";
  tasks_.run_until([&] { return !fetched.empty(); });
  ASSERT_TRUE(fetched.front()) << fetched.front().error().message;
  EXPECT_EQ(*fetched.front(), file_);
  files_->on_link_down(example_id(2));
  EXPECT_EQ(fetched.size(), 1U);
}

TEST_F(ModelFilesTest, APlanThatNamesNoModelIsAnError) {
  make(nullptr);
  const auto fetched = fetch("not a content id");
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code, ErrorCode::corrupt);
}

TEST_F(ModelFilesTest, TheTokenizerIsLoadedInTheBackgroundOncePerModel) {
  make(nullptr);
  files_->load_encoder("abc", file_);
  EXPECT_FALSE(files_->encoder("abc").encoder);
  background_.run();
  tasks_.run_until([&] { return encoders_ == 1; });
  EXPECT_FALSE(files_->encoder("def").encoder);
  const auto encoder = files_->encoder("abc").encoder;
  ASSERT_TRUE(encoder);
  files_->load_encoder("abc", file_);
  EXPECT_EQ(encoders_, 2);
  EXPECT_EQ(files_->encoder("abc").encoder, encoder);
  // What is no longer served is forgotten.
  files_->update_spare(testing::planned_state(), false, {});
  EXPECT_TRUE(files_->encoder("abc").encoder);
  files_->update_spare({}, false, {});
  EXPECT_FALSE(files_->encoder("abc").encoder);
}

// The model has four layers of 100 MB.
TEST_F(ModelFilesTest, SpareWeightsAreFetchedWhileTheNodeHasBeenIdleForAWhile) {
  make(nullptr);
  files_->on_link_up(example_id(2), channel_);
  expect_queries(0, false, 0s);
  expect_queries(0, true, 1s);
  expect_queries(1, true, 2s);
  expect_queries(1, true, 3s);   // it is in flight
  expect_queries(1, false, 4s);  // it is ended
  expect_queries(1, true, 5s);
  expect_queries(2, true, 6s);
}

TEST_F(ModelFilesTest, SpareWeightsAreFetchedWhereTwiceTheirSizeJustFits) {
  make(nullptr, 800'000'000);
  files_->on_link_up(example_id(2), channel_);
  expect_queries(1, true, 0s);
}

TEST_F(ModelFilesTest, WeightMessagesReachTheExchange) {
  make(nullptr);
  files_->on_link_up({}, channel_);
  const wire::ByteVector garbage(3, std::byte{0xff});
  const auto delivered = dispatch_.frame({}, {.of = wire::Control{wire::ControlType::weights_query}}, garbage);
  files_->on_link_down({});
  ASSERT_FALSE(delivered);
  EXPECT_EQ(delivered.error().code, ErrorCode::corrupt);
  // Bytes that nobody asked for take no memory.
  EXPECT_FALSE(dispatch_.receive_buffer({}, {.of = wire::Bulk{.transfer = wire::TransferId(5)}, .payload_bytes = 9}));
}

}  // namespace
}  // namespace exogpu::node
