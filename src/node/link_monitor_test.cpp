#include "node/link_monitor.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"
#include "node/testing/fake_channel.h"
#include "node/testing/fake_transport.h"

namespace exogpu::node {
namespace {

using cluster::testing::example_id;
using namespace std::chrono_literals;
using testing::deliver;
using testing::FakeChannel;

class LinkMonitorTest : public ::testing::Test {
 protected:
  LinkMonitorTest() {
    monitor_.register_handlers(dispatch_);
    transport_.connected = {example_id(2), example_id(3)};
  }

  std::map<wire::NodeId, FakeChannel> channels_;
  testing::FakeTransport transport_;
  Dispatch dispatch_;
  LinkMonitor monitor_{transport_, [this](wire::NodeId peer) { return &channels_[peer]; }, 1000ms};
};

TEST_F(LinkMonitorTest, LinksAreMeasuredFromTheirFirstRoundTripOn) {
  channels_[example_id(2)].now.rtt_min = 400us;
  channels_[example_id(2)].now.rtt_jitter = 30us;
  const auto measured = monitor_.measure(cluster::Time(1h));
  ASSERT_EQ(measured.size(), 1U);
  EXPECT_EQ(measured[0].first, example_id(2));
  EXPECT_EQ(measured[0].second.round_trip, 400us);
  EXPECT_EQ(measured[0].second.jitter, 30us);
  EXPECT_EQ(measured[0].second.bytes_per_s, 0);  // not measured yet
}

TEST_F(LinkMonitorTest, AProbeIsThrownAwayAndItsLastByteAnswered) {
  const auto frame = [&](uint64_t offset, uint32_t bytes) {
    return dispatch_.receive_buffer(
        example_id(2), {.of = wire::Bulk{.transfer = wire::kProbeTransfer, .offset = offset}, .payload_bytes = bytes});
  };
  EXPECT_FALSE(frame(0, 65536));
  EXPECT_TRUE(transport_.take<wire::LinkProbeResult>(example_id(2)).empty());
  EXPECT_FALSE(frame(65536, 1));
  EXPECT_EQ(transport_.take<wire::LinkProbeResult>(example_id(2)), std::vector{wire::LinkProbeResult{65536}});
}

TEST_F(LinkMonitorTest, AQuietLinkIsProbedAndItsRateMeasured) {
  for (const uint8_t number : {2, 3}) channels_[example_id(number)].now.rtt_min = 100us;
  cluster::Time now(1h);
  monitor_.measure(now);  // links are new: no probe yet
  monitor_.measure(now += 500ms);
  ASSERT_FALSE(transport_.sent.empty());
  const wire::NodeId probed = transport_.sent.back().to;
  EXPECT_EQ(transport_.sent.back().payload.size(), 1U);
  const auto offset = std::get<wire::Bulk>(transport_.sent.back().header.of).offset;
  EXPECT_GE(offset, LinkRates::kBurstBytes);
  EXPECT_TRUE(deliver(dispatch_, probed, wire::LinkProbeResult{offset}));
  // The burst begins at the test's clock and ends at the real one, so only that it counts is certain.
  EXPECT_TRUE(deliver(dispatch_, probed, wire::LinkProbeResult{offset}));
}

TEST_F(LinkMonitorTest, OnlyLinksThatAnswersDependOnAreWatchedClosely) {
  monitor_.watch({example_id(2)});
  monitor_.watch({example_id(2)});
  const auto& near = channels_[example_id(2)].watched;
  const auto& far = channels_[example_id(3)].watched;
  ASSERT_EQ(near.size(), 1U);  // each change once
  ASSERT_EQ(far.size(), 1U);
  EXPECT_EQ(near[0].second, net::Duration(1000ms));
  EXPECT_GE(far[0].second, net::Duration(30s));
  monitor_.watch({});
  EXPECT_EQ(near.size(), 2U);
  EXPECT_EQ(near[1], far[0]);
  // A new channel begins without it.
  monitor_.on_link_down(example_id(3));
  monitor_.watch({});
  EXPECT_EQ(far.size(), 2U);
}

}  // namespace
}  // namespace exogpu::node
