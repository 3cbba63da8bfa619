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
  void start(const ExchangeOptions& options = {}, const net::ChannelOptions& channel = {}) {
    cluster_.add(1, nullptr, options).exchange->offer(made_.content);
    cluster_.add(2, cache_, options);
    cluster_.connect(1, 2, channel);
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

TEST_F(Exchange, WhoeverHasItLaterIsFound) {
  start();
  exchange(1).withdraw(made_.content->id());
  cluster_.nodes.at(2).links.clear();
  cluster_.nodes.at(1).links.clear();
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return cluster_.now >= net::SteadyTime(1h + 5s); }, 100ms);
  EXPECT_FALSE(outcome.done()) << "nobody was asked yet, so it waits";
  exchange(1).offer(made_.content);
  cluster_.connect(1, 2);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
}

TEST_F(Exchange, NobodyComes) {
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
  cluster_.add(3, nullptr, options).exchange->offer(made_.content);
  cluster_.connect(3, 2);
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
  expect_same(***outcome.result, *made_.content, kAll);
  EXPECT_EQ(received(), made_.content->manifest().bytes() + manifest_bytes());
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
  expect_same(***some.result, *made_.content, {{1, 3}, 6});

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
  const Bytes all = made_.content->manifest().bytes();
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
  expect_same(***outcome.result, *made_.content, kAll);
  // Frames that had not arrived whole are sent again, nothing else.
  EXPECT_EQ(received(), all + manifest_bytes());
}

TEST_F(Exchange, TheOtherPeerTakesOver) {
  ExchangeOptions options;
  options.frame_bytes = 64 * KiB;
  start(options);
  cluster_.add(3, nullptr, options).exchange->offer(made_.content);
  cluster_.connect(3, 2);
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.link(2, 1).garble = [&](const wire::FrameHeader&) {};
  while (received() < made_.content->manifest().bytes() / 3) {
    cluster_.network.pump(cluster_.now);
    cluster_.box.run_all(1ms);
  }
  ASSERT_FALSE(outcome.done());
  cluster_.cut(1, 2);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
  expect_same(***outcome.result, *made_.content, kAll);
  EXPECT_EQ(received(), made_.content->manifest().bytes() + manifest_bytes());
}

TEST_F(Exchange, AFetchThatWasGivenUpGoesOnWhereItWas) {
  ExchangeOptions options;
  options.frame_bytes = 64 * KiB;
  start(options);
  const Bytes all = made_.content->manifest().bytes();
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
  expect_same(***second.result, *made_.content, kAll);
  // Whole objects are not sent again; the one that was under way is.
  Bytes largest = 0;
  for (const TensorEntry& tensor : made_.content->manifest().tensors) largest = std::max(largest, tensor.object.bytes);
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

TEST_F(Exchange, WrongBytesAreAskedOfAnotherPeer) {
  start();
  const auto& tensors = made_.content->manifest().tensors;
  const auto damaged = std::ranges::find(tensors, "blk.3.ffn_up.weight", &TensorEntry::name);
  ASSERT_NE(damaged, tensors.end());
  // Node 1 has a damaged copy, node 3 the model.
  exchange(1).offer(
      damaged_copy(made_, folder_ / "damaged.gguf", {damaged->object.offset + damaged->object.bytes / 2}));
  cluster_.add(3, nullptr).exchange->offer(made_.content);
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
  const auto model = cache_->find(made_.content->id());
  ASSERT_TRUE(model);
  EXPECT_FALSE((*model)->holds(static_cast<ObjectIndex>(1 + (damaged - tensors.begin()))));

  cluster_.connect(3, 2);
  Outcome both;
  const auto fetching = fetch(both);
  cluster_.run_until([&] { return both.done(); });
  ASSERT_TRUE(*both.result) << both.result->error().message;
  EXPECT_EQ((**both.result)->held_bytes(), made_.content->manifest().bytes());
  EXPECT_TRUE((**both.result)->verify().value().empty());
}

// Bytes of a damaged object that came from two peers: who is to blame is found out.
TEST_F(Exchange, WrongBytesOfTwoPeersAreToldApart) {
  ExchangeOptions options;
  options.frame_bytes = 16 * KiB;
  start(options);
  std::vector<uint64_t> starts;
  for (const TensorEntry& tensor : made_.content->manifest().tensors) starts.push_back(tensor.object.offset);
  exchange(1).offer(damaged_copy(made_, folder_ / "damaged.gguf", starts));
  cluster_.add(3, nullptr, options).exchange->offer(made_.content);
  Outcome outcome;
  const auto fetching = fetch(outcome);
  while (received() < manifest_bytes() + made_.content->manifest().object(0).bytes + 100 * KiB) {
    cluster_.network.pump(cluster_.now);
    cluster_.box.run_all(1ms);
  }
  cluster_.cut(1, 2);
  cluster_.connect(3, 2);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
  EXPECT_TRUE((**outcome.result)->verify().value().empty());
}

// The file of node 1 is cut short while it is being sent. It says so, and node 3 sends the rest.
TEST_F(Exchange, AFileThatChangesIsNotOfferedAnyMore) {
  ExchangeOptions options;
  options.frame_bytes = 16 * KiB;
  start(options);
  const auto copy = folder_ / "copy.gguf";
  std::filesystem::copy_file(made_.path, copy);
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
  cluster_.add(3, nullptr, options).exchange->offer(made_.content);
  cluster_.connect(3, 2);
  Outcome both;
  const auto fetching = fetch(both);
  cluster_.run_until([&] { return both.done(); });
  ASSERT_TRUE(*both.result) << both.result->error().message;
  expect_same(***both.result, *made_.content, kAll);
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
  MadeModel other(folder_, "other.gguf", 2);
  EXPECT_NE(other.content->id(), made_.content->id());
  cache_ = cache_in(folder_, "one", made_.content->manifest().bytes() * 3 / 2);
  start();
  exchange(1).offer(other.content);
  for (const auto* content : {&made_.content, &other.content}) {
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
  cluster_.run_until([&] { return received() > manifest_bytes() + made_.content->manifest().object(0).bytes; });
  // What the workers of 2 have done does not come back, so its buffers stay used, while 1 goes on as it can.
  auto sender_runs = [&] {
    for (int i = 0; i < 30; ++i) {
      cluster_.network.pump(cluster_.now);
      cluster_.box.run_all(10ms, 1);
    }
  };
  sender_runs();
  const Bytes before = received();
  EXPECT_GT(before, 1 * MiB);
  EXPECT_LT(before, made_.content->manifest().bytes() / 2);
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
  cluster_.add(3, nullptr).exchange->offer(made_.content);
  cluster_.connect(3, 2);
  cluster_.run_until([&] { return outcome.done(); }, 10ms);
  ASSERT_TRUE(*outcome.result) << outcome.result->error().message;
}

// A peer that breaks the rules, by hand.
class Stranger : public Exchange {
 protected:
  void SetUp() override { meet(); }
  void meet() {
    stranger_.reset();
    cluster_.nodes.clear();
    cluster_.add(2, cache_);
    auto pair = cluster_.network.connect({net::testing::node_named(9), {}}, {cluster_.nodes.at(2).self, {}});
    ASSERT_TRUE(pair);
    stranger_ = std::move(pair->a);
    stranger_->start(heard_);
    MemCluster::join(cluster_.nodes.at(2), std::move(pair->b));
    heard_.then = [&](const net::testing::Recorder::Frame& frame) { answer(frame); };
  }
  void say(wire::ControlType type, const wire::ByteVector& message) {
    said_.push_back(std::make_unique<wire::ByteVector>(message));
    ASSERT_TRUE(stranger_->send({.header = {.of = wire::Control{type}},
                                 .lane = net::Lane::ordered,
                                 .payload = {*said_.back()},
                                 .owner = nullptr,
                                 .within = std::nullopt,
                                 .done = {}}));
  }
  void send_bulk(uint64_t transfer, uint64_t offset, std::span<const std::byte> bytes) {
    auto frame = net::testing::bulk(bytes, offset);
    frame.header.of = wire::Bulk{.transfer = wire::TransferId(transfer), .offset = offset};
    ASSERT_TRUE(stranger_->send(std::move(frame)));
  }
  void answer(const net::testing::Recorder::Frame& frame) {
    const auto type = std::get<wire::Control>(frame.header.of).type;
    if (type == wire::ControlType::weights_query) {
      say(wire::ControlType::weights_availability,
          wire::encode(wire::WeightsAvailability{
              .content = made_.content->id(),
              .answer = wire::AvailableObjects{.manifest_bytes = told_bytes_, .objects = {}}}));
    }
    if (type != wire::ControlType::weights_request || !on_request) return;
    on_request(*wire::decode<wire::WeightsRequest>(frame.payload));
  }
  void run() {
    cluster_.run_until([&] { return !cluster_.box.run_all(50ms); });
    cluster_.network.pump(cluster_.now);
  }

  net::testing::Recorder heard_;
  std::unique_ptr<net::Channel> stranger_;
  std::vector<std::unique_ptr<wire::ByteVector>> said_;
  Bytes told_bytes_ = made_.content->encoded_manifest().size();
  std::function<void(const wire::WeightsRequest&)> on_request;
};

TEST_F(Stranger, BytesThatNobodyAskedForGoNowhere) {
  const auto bytes = net::testing::pattern(5 * MiB, 1);
  send_bulk(1, 0, bytes);
  send_bulk(77, UINT64_MAX - bytes.size(), bytes);
  run();
  EXPECT_EQ(exchange(2).stats().refused_bytes, 2 * bytes.size());
  EXPECT_EQ(received(), 0u);
  EXPECT_FALSE(cluster_.nodes.at(2).links.begin()->second->closed);
}

TEST_F(Stranger, WrongPlacesAndLengthsEndItsTransfers) {
  const auto manifest = made_.content->encoded_manifest();
  const auto big = net::testing::pattern(5 * MiB, 1);
  for (const auto& [offset, bytes] : std::vector<std::pair<uint64_t, std::span<const std::byte>>>{
           {1, manifest.subspan(1)}, {0, big}, {0, manifest.first(0)}, {UINT64_MAX - 10, manifest.first(10)}}) {
    meet();
    on_request = [&, offset, bytes](const wire::WeightsRequest& request) {
      send_bulk(request.transfer.value(), offset, bytes);
    };
    Outcome outcome;
    const auto fetching = fetch(outcome);
    cluster_.run_until([&] { return outcome.done(); }, 500ms);
    ASSERT_TRUE(outcome.done());
    EXPECT_FALSE(*outcome.result);
    EXPECT_EQ(received(), 0u);
  }
}

TEST_F(Stranger, AWrongManifest) {
  auto manifest = wire::ByteVector(made_.content->encoded_manifest().begin(), made_.content->encoded_manifest().end());
  manifest[100] ^= std::byte{1};
  on_request = [&](const wire::WeightsRequest& request) { send_bulk(request.transfer.value(), 0, manifest); };
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return outcome.done(); });
  ASSERT_FALSE(*outcome.result);
  EXPECT_EQ(outcome.result->error().code, ErrorCode::corrupt);
  EXPECT_NE(outcome.result->error().message.find("09090909"), std::string::npos) << outcome.result->error().message;
  EXPECT_TRUE(cache_->entries().empty());
}

TEST_F(Stranger, RefusesEverything) {
  on_request = [&](const wire::WeightsRequest& request) {
    say(wire::ControlType::weights_refusal,
        wire::encode(wire::WeightsRefusal{.transfer = request.transfer,
                                          .reason = {.code = ErrorCode::not_found, .message = "sold out"}}));
  };
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return outcome.done(); }, 500ms);
  ASSERT_FALSE(*outcome.result);
  EXPECT_NE(outcome.result->error().message.find("sold out"), std::string::npos) << outcome.result->error().message;
}

TEST_F(Stranger, AsksForWhatThereIsNot) {
  exchange(2).offer(made_.content);
  auto ask = [&](uint64_t transfer, const ContentId& content, std::optional<uint32_t> object, uint64_t from) {
    heard_.frames.clear();
    say(wire::ControlType::weights_request,
        wire::encode(wire::WeightsRequest{
            .transfer = wire::TransferId(transfer), .content = content, .object = object, .from = from}));
    run();
    return wire::decode<wire::WeightsRefusal>(heard_.frames.at(0).payload)->reason.code;
  };
  const ContentId other;
  EXPECT_EQ(ask(1, other, 0, 0), ErrorCode::not_found);
  EXPECT_EQ(ask(2, made_.content->id(), 100'000, 0), ErrorCode::invalid_argument);
  EXPECT_EQ(ask(3, made_.content->id(), UINT32_MAX - 1, 0), ErrorCode::invalid_argument);
  EXPECT_EQ(ask(4, made_.content->id(), 0, made_.content->manifest().object(0).bytes), ErrorCode::invalid_argument);
  EXPECT_EQ(ask(5, made_.content->id(), std::nullopt, UINT64_MAX), ErrorCode::invalid_argument);
  EXPECT_EQ(exchange(2).stats().sent_bytes, 0u);
}

}  // namespace
}  // namespace exogpu::weights
