// Fetches between exchanges over channels in memory.
#include "weights/exchange.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "weights/testing/exchange_fixture.h"

namespace exogpu::weights {
namespace {

using namespace testing;

TEST_F(Exchange, AWholeModelArrives) {
  start();
  Outcome outcome;
  const auto fetching = fetch(outcome);
  EXPECT_FALSE(outcome.done());
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
  expect_same(***outcome.result, *example_.content, kAll);
  EXPECT_EQ(received(), example_.content->manifest().bytes() + manifest_bytes());
  EXPECT_EQ(exchange(1).stats().sent_bytes, received());
  ASSERT_FALSE(outcome.progress.empty());
  EXPECT_EQ(outcome.progress.back(), example_.content->manifest().bytes());
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
    expect_same(***outcome.result, *example_.content, scope);
    EXPECT_EQ(received(), bytes_of(example_.content->manifest(), scope) + manifest_bytes());
    EXPECT_EQ((**outcome.result)->present_bytes(), bytes_of(example_.content->manifest(), scope));
    EXPECT_LT(received(), example_.content->manifest().bytes());
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
  // Another process with the same cache, and no peers.
  cluster_.nodes.erase(2);
  cache_ = cache_in(folder_, "cache");
  cluster_.add(2, cache_);
  Outcome second;
  const auto fetching = fetch(second);
  cluster_.run_until([&] { return second.done(); });
  ASSERT_TRUE(*second.result) << second.result->error().message;
  EXPECT_EQ(received(), 0u);
  expect_same(***second.result, *example_.content, kAll);
}

TEST_F(Exchange, NoPeerHasTheModel) {
  cluster_.add(1, nullptr);
  cluster_.add(2, cache_);
  cluster_.connect(1, 2);
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_FALSE(*outcome.result);
  EXPECT_EQ(outcome.result->error().code, ErrorCode::not_found);
  EXPECT_NE(outcome.result->error().message.find(example_.content->id().text()), std::string::npos);
}

TEST_F(Exchange, APeerThatHasItLaterIsFound) {
  start();
  exchange(1).withdraw(example_.content->id());
  cluster_.nodes.at(2).links.clear();
  cluster_.nodes.at(1).links.clear();
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return cluster_.now >= net::SteadyTime(1h + 5s); }, 100ms);
  EXPECT_FALSE(outcome.done()) << "nobody was asked yet, so it waits";
  exchange(1).offer(example_.content);
  cluster_.connect(1, 2);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
}

TEST_F(Exchange, NoPeerConnects) {
  cluster_.add(2, cache_);
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return outcome.done(); }, 1s);
  ASSERT_FALSE(*outcome.result);
  EXPECT_EQ(outcome.result->error().code, ErrorCode::not_found);
}

TEST_F(Exchange, TwoPeersShareTheWork) {
  ExchangeOptions options;
  options.asked_bytes = 1 * MiB;
  start(options);
  cluster_.add(3, nullptr, options).exchange->offer(example_.content);
  cluster_.connect(3, 2);
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
  expect_same(***outcome.result, *example_.content, kAll);
  EXPECT_EQ(received(), example_.content->manifest().bytes() + manifest_bytes());
  EXPECT_GT(exchange(1).stats().sent_bytes, 512 * KiB);
  EXPECT_GT(exchange(3).stats().sent_bytes, 512 * KiB);
}

TEST_F(Exchange, APartOfTheModelIsHandedOn) {
  start();
  {
    Outcome outcome;
    const auto fetching = fetch(outcome, {{0, 3}, 6});
    cluster_.run_until([&] { return outcome.done(); });
    ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
    auto part = Content::of_cache(**outcome.result);
    ASSERT_TRUE(part) << part.error().message;
    exchange(2).offer(*part);
  }
  // 3 knows 2 alone, from which it can have layers 1 and 2, but not 3.
  cluster_.add(3, cache_in(folder_, "third"));
  cluster_.connect(2, 3);
  Outcome some;
  auto fetching = fetch(some, {{1, 3}, 6}, 3);
  cluster_.run_until([&] { return some.done(); });
  ASSERT_TRUE(*some.result) << some.result->error().message;
  expect_same(***some.result, *example_.content, {{1, 3}, 6});

  Outcome more;
  fetching = fetch(more, {{1, 4}, 6}, 3);
  cluster_.run_until([&] { return more.done(); }, 1s);
  ASSERT_FALSE(*more.result);
  EXPECT_EQ(more.result->error().code, ErrorCode::unavailable);
  EXPECT_NE(more.result->error().message.find("blk.3."), std::string::npos) << more.result->error().message;
}

TEST_F(Exchange, ALostLinkCostsNothingTwice) {
  ExchangeOptions options;
  options.frame_bytes = 64 * KiB;
  start(options);
  const Bytes all = example_.content->manifest().bytes();
  Outcome outcome;
  const auto fetching = fetch(outcome);
  bool cut = false;
  cluster_.link(2, 1).garble = [&](const wire::FrameHeader&) { cut = cut || received() > all / 2; };
  // Frame by frame, so that the cut comes in the middle.
  while (!cut && !outcome.done()) {
    cluster_.network.pump(cluster_.now);
    cluster_.box.run_all(1ms);
  }
  ASSERT_FALSE(outcome.done());
  cluster_.cut(1, 2);
  EXPECT_TRUE(cluster_.link(2, 1).closed);
  cluster_.connect(1, 2);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
  expect_same(***outcome.result, *example_.content, kAll);
  // Frames that had not arrived whole are sent again, nothing else.
  EXPECT_EQ(received(), all + manifest_bytes());
}

TEST_F(Exchange, TheOtherPeerTakesOver) {
  ExchangeOptions options;
  options.frame_bytes = 64 * KiB;
  start(options);
  cluster_.add(3, nullptr, options).exchange->offer(example_.content);
  cluster_.connect(3, 2);
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.link(2, 1).garble = [&](const wire::FrameHeader&) {};
  while (received() < example_.content->manifest().bytes() / 3) {
    cluster_.network.pump(cluster_.now);
    cluster_.box.run_all(1ms);
  }
  ASSERT_FALSE(outcome.done());
  cluster_.cut(1, 2);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
  expect_same(***outcome.result, *example_.content, kAll);
  EXPECT_EQ(received(), example_.content->manifest().bytes() + manifest_bytes());
}

TEST_F(Exchange, ACancelledFetchIsResumed) {
  ExchangeOptions options;
  options.frame_bytes = 64 * KiB;
  start(options);
  const Bytes all = example_.content->manifest().bytes();
  Outcome first;
  auto fetching = fetch(first);
  while (received() < all / 2) {
    cluster_.network.pump(cluster_.now);
    cluster_.box.run_all(1ms);
  }
  fetching.cancel();
  const Bytes before = received();
  // What is under way is thrown away, and the sender stops soon.
  cluster_.run_until([&] { return !cluster_.box.run_all(50ms); });
  EXPECT_FALSE(first.done());
  EXPECT_EQ(received(), before);
  EXPECT_LT(exchange(1).stats().sent_bytes, all);

  Outcome second;
  fetching = fetch(second);
  cluster_.run_until([&] { return second.done(); });
  ASSERT_TRUE(*second.result) << second.result->error().message;
  expect_same(***second.result, *example_.content, kAll);
  // Whole objects are not sent again; the one that was under way is.
  Bytes largest = 0;
  for (const TensorEntry& tensor : example_.content->manifest().tensors)
    largest = std::max(largest, tensor.object.bytes);
  EXPECT_LT(received(), all + manifest_bytes() + largest);
}

TEST_F(Exchange, OneFetchOfAModelAtATime) {
  start();
  Outcome first, second;
  const auto one = fetch(first);
  const auto other = fetch(second);
  cluster_.run_until([&] { return first.done() && second.done(); });
  EXPECT_TRUE(*first.result);
  ASSERT_FALSE(*second.result);
  EXPECT_EQ(second.result->error().code, ErrorCode::failed_precondition);
}

}  // namespace
}  // namespace exogpu::weights
