// Fetches between exchanges over channels in memory.
#include "weights/exchange.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "weights/testing/mem_cluster.h"

namespace exogpu::weights {
namespace {

using namespace testing;

constexpr Scope kAll{.layers = {0, 6}, .n_layers = 6};

Bytes bytes_of(const ModelManifest& manifest, const Scope& scope) {
  Bytes sum = 0;
  const auto objects = objects_of(manifest, scope).value();
  for (const ObjectIndex object : objects) sum += manifest.object(object).bytes;
  return sum;
}

// Every object of the scope is the same in both.
void expect_same(const PartialModel& model, const Content& whole, const Scope& scope) {
  const auto held = model.check_holds(scope);
  ASSERT_TRUE(held) << held.error().message;
  const auto file = model.gguf();
  ASSERT_TRUE(file) << file.error().message;
  const auto objects = objects_of(whole.manifest(), scope).value();
  for (const ObjectIndex object : objects) {
    const Object place = whole.manifest().object(object);
    const auto bytes = (*file)->part_bytes(place.part).subspan(place.offset, place.bytes);
    EXPECT_TRUE(std::ranges::equal(bytes, whole.bytes(object))) << whole.manifest().object_name(object);
  }
}

class Exchange : public ::testing::Test {
 protected:
  // Node 1 has the model, node 2 wants it.
  void start(const ExchangeOptions& options = {}) {
    cluster_.add(1, nullptr, options).exchange->offer(made_.content);
    cluster_.add(2, cache_, options);
    cluster_.connect(1, 2);
  }
  WeightExchange& exchange(uint8_t node) { return *cluster_.nodes.at(node).exchange; }
  [[nodiscard]] Fetching fetch(Outcome& outcome, const Scope& scope = kAll, uint8_t node = 2) {
    return exchange(node).fetch(made_.content->id(), scope, outcome.calls());
  }
  Bytes received(uint8_t node = 2) { return exchange(node).stats().received_bytes; }
  Bytes manifest_bytes() const { return made_.content->encoded_manifest().size(); }

  Folder folder_;
  MadeModel made_{folder_};
  std::shared_ptr<WeightCache> cache_ = cache_in(folder_, "cache");
  MemCluster cluster_;
};

TEST_F(Exchange, AWholeModelArrives) {
  start();
  Outcome outcome;
  const auto fetching = fetch(outcome);
  EXPECT_FALSE(outcome.done());
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
  expect_same(***outcome.result, *made_.content, kAll);
  EXPECT_EQ(received(), made_.content->manifest().bytes() + manifest_bytes());
  EXPECT_EQ(exchange(1).stats().sent_bytes, received());
  ASSERT_GE(outcome.progress.size(), 2u);
  EXPECT_EQ(outcome.progress.back(), made_.content->manifest().bytes());
  EXPECT_TRUE(std::ranges::is_sorted(outcome.progress));
}

TEST_F(Exchange, OnlyTheTensorsOfTheLayersAreSent) {
  start();
  for (const Scope scope : {Scope{}, Scope{{0, 2}, 6}, Scope{{2, 5}, 6}, Scope{{5, 6}, 6}}) {
    std::filesystem::remove_all(cache_->folder());
    cache_ = cache_in(folder_, "cache");
    cluster_.nodes.at(2).links.clear();
    cluster_.add(2, cache_);
    cluster_.connect(1, 2);
    Outcome outcome;
    const auto fetching = fetch(outcome, scope);
    cluster_.run_until([&] { return outcome.done(); });
    ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
    expect_same(***outcome.result, *made_.content, scope);
    EXPECT_EQ(received(), bytes_of(made_.content->manifest(), scope) + manifest_bytes());
    EXPECT_EQ((**outcome.result)->held_bytes(), bytes_of(made_.content->manifest(), scope));
    EXPECT_LT(received(), made_.content->manifest().bytes());
  }
}

TEST_F(Exchange, ASecondStartSendsNothing) {
  start();
  {
    Outcome first;
    const auto fetching = fetch(first);
    cluster_.run_until([&] { return first.done(); });
    ASSERT_TRUE(*first.result) << first.result->error().message;
  }
  // Another process with the same cache, and nobody to ask.
  cluster_.nodes.erase(2);
  cache_ = cache_in(folder_, "cache");
  cluster_.add(2, cache_);
  Outcome second;
  const auto fetching = fetch(second);
  cluster_.run_until([&] { return second.done(); });
  ASSERT_TRUE(*second.result) << second.result->error().message;
  EXPECT_EQ(received(), 0u);
  expect_same(***second.result, *made_.content, kAll);
}

TEST_F(Exchange, NobodyHasIt) {
  cluster_.add(1, nullptr);
  cluster_.add(2, cache_);
  cluster_.connect(1, 2);
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_FALSE(*outcome.result);
  EXPECT_EQ(outcome.result->error().code, ErrorCode::not_found);
  EXPECT_NE(outcome.result->error().message.find(made_.content->id().text()), std::string::npos);
}

}  // namespace
}  // namespace exogpu::weights
