// Fetches from a peer that breaks the protocol.
#include <gtest/gtest.h>

#include "weights/testing/exchange_fixture.h"

namespace exogpu::weights {
namespace {

using namespace testing;

// Node 2, and a peer whose messages the test writes.
class HostilePeer : public Exchange {
 protected:
  void SetUp() override { connect_peer(); }
  void connect_peer() {
    peer_.reset();
    cluster_.nodes.clear();
    cluster_.add(2, cache_);
    auto pair = cluster_.network.connect({net::testing::node_named(9), {}}, {cluster_.nodes.at(2).self, {}});
    ASSERT_TRUE(pair);
    peer_ = std::move(pair->a);
    peer_->start(recorder_);
    MemCluster::join(cluster_.nodes.at(2), std::move(pair->b));
    recorder_.then = [&](const net::testing::Recorder::Frame& frame) { respond(frame); };
  }
  void send_control(wire::ControlType type, const wire::ByteVector& message) {
    sent_.push_back(std::make_unique<wire::ByteVector>(message));
    ASSERT_TRUE(peer_->send({.header = {.of = wire::Control{type}},
                             .lane = net::Lane::ordered,
                             .payload = {*sent_.back()},
                             .owner = nullptr,
                             .within = std::nullopt,
                             .done = {}}));
  }
  void send_bulk(uint64_t transfer, uint64_t offset, std::span<const std::byte> bytes) {
    auto frame = net::testing::bulk(bytes, offset);
    frame.header.of = wire::Bulk{.transfer = wire::TransferId(transfer), .offset = offset};
    ASSERT_TRUE(peer_->send(std::move(frame)));
  }
  void respond(const net::testing::Recorder::Frame& frame) {
    const auto type = std::get<wire::Control>(frame.header.of).type;
    if (type == wire::ControlType::weights_query) {
      send_control(wire::ControlType::weights_availability,
                   wire::encode(wire::WeightsAvailability{
                       .content = example_.content->id(),
                       .answer = wire::AvailableObjects{.manifest_bytes = reported_bytes_, .objects = {}}}));
    }
    if (type != wire::ControlType::weights_request || !on_request) return;
    on_request(*wire::decode<wire::WeightsRequest>(frame.payload));
  }
  void run() {
    cluster_.run_until([&] { return !cluster_.box.run_all(50ms); });
    cluster_.network.pump(cluster_.now);
  }

  net::testing::Recorder recorder_;
  std::unique_ptr<net::Channel> peer_;
  std::vector<std::unique_ptr<wire::ByteVector>> sent_;
  Bytes reported_bytes_ = example_.content->encoded_manifest().size();
  std::function<void(const wire::WeightsRequest&)> on_request;
};

TEST_F(HostilePeer, UnrequestedBytesAreDropped) {
  const auto bytes = net::testing::pattern(5 * MiB, 1);
  send_bulk(1, 0, bytes);
  send_bulk(77, UINT64_MAX - bytes.size(), bytes);
  run();
  EXPECT_EQ(exchange(2).stats().refused_bytes, 2 * bytes.size());
  EXPECT_EQ(received(), 0u);
  EXPECT_FALSE(cluster_.nodes.at(2).links.begin()->second->closed);
}

TEST_F(HostilePeer, WrongOffsetsAndLengthsEndItsTransfers) {
  const auto manifest = example_.content->encoded_manifest();
  const auto big = net::testing::pattern(5 * MiB, 1);
  for (const auto& [offset, bytes] : std::vector<std::pair<uint64_t, std::span<const std::byte>>>{
           {1, manifest.subspan(1)}, {0, big}, {0, manifest.first(0)}, {UINT64_MAX - 10, manifest.first(10)}}) {
    connect_peer();
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

TEST_F(HostilePeer, AWrongManifestIsCorrupt) {
  auto manifest =
      wire::ByteVector(example_.content->encoded_manifest().begin(), example_.content->encoded_manifest().end());
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

TEST_F(HostilePeer, ItsRefusalIsReported) {
  on_request = [&](const wire::WeightsRequest& request) {
    send_control(wire::ControlType::weights_refusal,
                 wire::encode(wire::WeightsRefusal{.transfer = request.transfer,
                                                   .reason = {.code = ErrorCode::not_found, .message = "sold out"}}));
  };
  Outcome outcome;
  const auto fetching = fetch(outcome);
  cluster_.run_until([&] { return outcome.done(); }, 500ms);
  ASSERT_FALSE(*outcome.result);
  EXPECT_NE(outcome.result->error().message.find("sold out"), std::string::npos) << outcome.result->error().message;
}

TEST_F(HostilePeer, ItsRequestsForUnknownObjectsAreRefused) {
  exchange(2).offer(example_.content);
  auto ask = [&](uint64_t transfer, const ContentId& content, std::optional<uint32_t> object, uint64_t from) {
    recorder_.frames.clear();
    send_control(wire::ControlType::weights_request,
                 wire::encode(wire::WeightsRequest{
                     .transfer = wire::TransferId(transfer), .content = content, .object = object, .from = from}));
    run();
    return wire::decode<wire::WeightsRefusal>(recorder_.frames.at(0).payload)->reason.code;
  };
  const ContentId other;
  EXPECT_EQ(ask(1, other, 0, 0), ErrorCode::not_found);
  EXPECT_EQ(ask(2, example_.content->id(), 100'000, 0), ErrorCode::invalid_argument);
  EXPECT_EQ(ask(3, example_.content->id(), UINT32_MAX - 1, 0), ErrorCode::invalid_argument);
  EXPECT_EQ(ask(4, example_.content->id(), 0, example_.content->manifest().object(0).bytes),
            ErrorCode::invalid_argument);
  EXPECT_EQ(ask(5, example_.content->id(), std::nullopt, UINT64_MAX), ErrorCode::invalid_argument);
  EXPECT_EQ(exchange(2).stats().sent_bytes, 0u);
}

}  // namespace
}  // namespace exogpu::weights
