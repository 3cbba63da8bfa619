#include "node/pulls.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

namespace exogpu::node {
namespace {

using namespace std::chrono_literals;

struct Receiver final : PullListener {
  void on_progress(const PullProgress& progress) override { done.push_back(progress.done); }
  void on_end(const Result<std::string>& name) override { end.set_value(name); }
  Result<std::string> result() {
    auto future = end.get_future();
    if (future.wait_for(60s) != std::future_status::ready) return fail(ErrorCode::internal, "it does not end");
    return future.get();
  }
  std::vector<Bytes> done;
  std::promise<Result<std::string>> end;
};

using Progress = std::function<void(const PullProgress&)>;

Result<std::string> until_stopped(const std::string&, const Progress& progress, const std::stop_token& stop) {
  progress({.file = 0, .files = 1, .done = 1, .total = 2});
  std::promise<void> stopped;
  const std::stop_callback on_stop(stop, [&] { stopped.set_value(); });
  stopped.get_future().wait();
  return fail(ErrorCode::cancelled, "stopped");
}

TEST(Pulls, AreMadeOneAfterAnother) {
  Pulls pulls(
      [](const std::string& source, const Progress& progress, const std::stop_token&) -> Result<std::string> {
        for (Bytes done = 1; done <= 3; ++done) progress({.file = 0, .files = 1, .done = done, .total = 3});
        if (source == "bad") return fail(ErrorCode::not_found, "the hub does not have it");
        return "name of " + source;
      },
      [](const std::string& name, const std::stop_token&) { return "the " + name; });
  const auto good = std::make_shared<Receiver>(), bad = std::make_shared<Receiver>();
  pulls.add("good", good, {});
  pulls.add("bad", bad, {});
  EXPECT_EQ(good->result().value(), "the name of good");
  EXPECT_EQ(bad->result().error().code, ErrorCode::not_found);
  EXPECT_EQ(good->done, (std::vector<Bytes>{1, 2, 3}));
}

TEST(Pulls, EndWithTheirClientOrWithTheNode) {
  const auto first = std::make_shared<Receiver>(), second = std::make_shared<Receiver>(),
             third = std::make_shared<Receiver>();
  std::stop_source client;
  {
    Pulls pulls(until_stopped);
    pulls.add("a", first, client.get_token());
    client.request_stop();
    EXPECT_EQ(first->result().error().code, ErrorCode::cancelled);
    pulls.add("b", second, {});
    pulls.add("c", third, {});
  }
  EXPECT_FALSE(second->result());
  EXPECT_FALSE(third->result());
}

TEST(Pulls, ThatWaitAreBounded) {
  Pulls pulls(until_stopped);
  std::vector<std::shared_ptr<Receiver>> all;
  for (size_t i = 0; i <= Pulls::kMost + 1; ++i) {
    all.push_back(std::make_shared<Receiver>());
    pulls.add("x", all.back(), {});
  }
  // One may be under way; one is too many in any case.
  EXPECT_EQ(all.back()->result().error().code, ErrorCode::unavailable);
}

TEST(Pulls, OfANodeThatPullsNothingAreRefused) {
  Pulls pulls({});
  const auto refused = std::make_shared<Receiver>();
  pulls.add("x", refused, {});
  EXPECT_EQ(refused->result().error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace exogpu::node
