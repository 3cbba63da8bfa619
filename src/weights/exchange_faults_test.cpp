// Fetches from peers whose copies are damaged or change, into caches that are too small or slow.
#include <gtest/gtest.h>

#include <algorithm>

#include "weights/testing/exchange_fixture.h"

namespace exogpu::weights {
namespace {

using namespace testing;

TEST_F(Exchange, WrongBytesAreAskedOfAnotherPeer) {
  start();
  const auto& tensors = example_.content->manifest().tensors;
  const auto damaged = std::ranges::find(tensors, "blk.3.ffn_up.weight", &TensorEntry::name);
  ASSERT_NE(damaged, tensors.end());
  // Node 1 has a damaged copy, node 3 the model.
  exchange(1).offer(
      damaged_copy(example_, folder_ / "damaged.gguf", {damaged->object.offset + damaged->object.bytes / 2}));
  cluster_.add(3, nullptr).exchange->offer(example_.content);
  Outcome alone;
  {
    const auto fetching = fetch(alone);
    cluster_.run_until([&] { return alone.done(); });
    ASSERT_FALSE(*alone.result);
    EXPECT_EQ(alone.result->error().code, ErrorCode::corrupt);
    const std::string& message = alone.result->error().message;
    EXPECT_NE(message.find("blk.3.ffn_up.weight"), std::string::npos) << message;
    EXPECT_NE(message.find(cluster_.nodes.at(1).self.node.short_text()), std::string::npos) << message;
  }
  const auto model = cache_->find(example_.content->id());
  ASSERT_TRUE(model);
  EXPECT_FALSE((*model)->has(static_cast<ObjectIndex>(1 + (damaged - tensors.begin()))));

  cluster_.connect(3, 2);
  Outcome both;
  const auto fetching = fetch(both);
  cluster_.run_until([&] { return both.done(); });
  ASSERT_TRUE(*both.result) << both.result->error().message;
  EXPECT_EQ((**both.result)->present_bytes(), example_.content->manifest().bytes());
  EXPECT_TRUE((**both.result)->verify().value().empty());
}

// Bytes of a damaged object came from two peers: the peer that sent the wrong ones is found.
TEST_F(Exchange, WrongBytesOfTwoPeersAreDistinguished) {
  ExchangeOptions options;
  options.frame_bytes = 16 * KiB;
  start(options);
  std::vector<uint64_t> starts;
  for (const TensorEntry& tensor : example_.content->manifest().tensors) starts.push_back(tensor.object.offset);
  exchange(1).offer(damaged_copy(example_, folder_ / "damaged.gguf", starts));
  cluster_.add(3, nullptr, options).exchange->offer(example_.content);
  Outcome outcome;
  const auto fetching = fetch(outcome);
  while (received() < manifest_bytes() + example_.content->manifest().object(0).bytes + 100 * KiB) {
    cluster_.network.pump(cluster_.now);
    cluster_.box.run_all(1ms);
  }
  cluster_.cut(1, 2);
  cluster_.connect(3, 2);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
  EXPECT_TRUE((**outcome.result)->verify().value().empty());
}

// The file of node 1 is cut short while it is being sent. It refuses, and node 3 sends the rest.
TEST_F(Exchange, AFileThatChangesIsNotOfferedAnyMore) {
  ExchangeOptions options;
  options.frame_bytes = 16 * KiB;
  start(options);
  const auto copy = folder_ / "copy.gguf";
  std::filesystem::copy_file(example_.path, copy);
  const auto other = content_of(copy);
  exchange(1).offer(other);
  Outcome alone;
  {
    const auto fetching = fetch(alone);
    cluster_.run_until([&] { return received() > 1 * MiB; });
    std::filesystem::resize_file(copy, 1000);
    cluster_.run_until([&] { return alone.done(); }, 1s);
    ASSERT_FALSE(*alone.result);
    EXPECT_EQ(alone.result->error().code, ErrorCode::unavailable);
    EXPECT_NE(alone.result->error().message.find("copy.gguf"), std::string::npos) << alone.result->error().message;
  }
  cluster_.add(3, nullptr, options).exchange->offer(example_.content);
  cluster_.connect(3, 2);
  Outcome both;
  const auto fetching = fetch(both);
  cluster_.run_until([&] { return both.done(); });
  ASSERT_TRUE(*both.result) << both.result->error().message;
  expect_same(***both.result, *example_.content, kAll);
}

TEST_F(Exchange, TheCacheIsTooSmall) {
  cache_ = cache_in(folder_, "small", 1 * MiB);
  start();
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_FALSE(*outcome.result);
  EXPECT_EQ(outcome.result->error().code, ErrorCode::resource_exhausted);
  EXPECT_EQ(received(), manifest_bytes());
}

TEST_F(Exchange, AnotherModelMakesRoom) {
  ExampleModel other(folder_, "other.gguf", 2);
  EXPECT_NE(other.content->id(), example_.content->id());
  cache_ = cache_in(folder_, "one", example_.content->manifest().bytes() * 3 / 2);
  start();
  exchange(1).offer(other.content);
  for (const auto* content : {&example_.content, &other.content}) {
    Outcome outcome;
    const auto fetching = exchange(2).fetch((*content)->id(), kAll, outcome.calls());
    cluster_.run_until([&] { return outcome.done(); });
    ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
    outcome.result.reset();
    // The files that the fetch made durable are closed.
    cluster_.run_until([&] { return !cache_->entries().back().in_use; });
  }
  ASSERT_EQ(cache_->entries().size(), 1u);
  EXPECT_EQ(cache_->entries().front().content, other.content->id());
}

TEST_F(Exchange, ASlowDiskHoldsTheSenderBack) {
  ExchangeOptions options;
  options.frame_bytes = 256 * KiB;
  options.unwritten_bytes = 1 * MiB;
  net::ChannelOptions channel;
  channel.bulk_window = 2 * MiB;
  start(options, channel);
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return received() > manifest_bytes() + example_.content->manifest().object(0).bytes; });
  // The results of node 2's workers do not arrive, so its buffers stay in use, while node 1 continues.
  auto sender_runs = [&] {
    for (int i = 0; i < 30; ++i) {
      cluster_.network.pump(cluster_.now);
      cluster_.box.run_all(10ms, 1);
    }
  };
  sender_runs();
  const Bytes before = received();
  EXPECT_GT(before, 1 * MiB);
  EXPECT_LT(before, example_.content->manifest().bytes() / 2);
  sender_runs();
  EXPECT_EQ(received(), before);
  cluster_.run_until([&] { return outcome.done(); });
  EXPECT_TRUE(*outcome.result) << outcome.result->error().message;
}

TEST_F(Exchange, APeerThatSendsNothingIsGivenUp) {
  start();
  cluster_.network.stop_delivery(*cluster_.link(1, 2).channel);
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return cluster_.now > net::SteadyTime(1h + 25s) || outcome.done(); }, 500ms);
  EXPECT_FALSE(outcome.done());
  // Another has it.
  cluster_.add(3, nullptr).exchange->offer(example_.content);
  cluster_.connect(3, 2);
  cluster_.run_until([&] { return outcome.done(); }, 10ms);
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
}

}  // namespace
}  // namespace exogpu::weights
