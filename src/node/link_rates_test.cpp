#include "node/link_rates.h"

#include <gtest/gtest.h>

#include <set>

namespace exogpu::node {
namespace {

using namespace std::chrono_literals;

wire::NodeId node(uint8_t number) {
  std::array<uint8_t, wire::kKeyHashBytes> bytes{};
  bytes[0] = number;
  return wire::NodeId(bytes);
}

// The links of a node, and what is sent over them.
class LinkRatesTest : public ::testing::Test {
 protected:
  void SetUp() override { tick(); }  // what was sent before is not known

  void tick() {
    now += 500ms;
    sent.clear();
    rates.tick(links, now);
    for (const auto& [to, bytes] : sent) {
      std::ranges::find(links, to, &LinkRates::LinkNow::peer)->stats.bytes_sent += bytes;
    }
  }
  Bytes bytes_sent() const {
    Bytes all = 0;
    for (const auto& [to, bytes] : sent) all += bytes;
    return all;
  }
  // The burst of this tick was on its way for so long.
  void arrives(uint8_t at, std::chrono::microseconds after) {
    rates.arrived(node(at), {.bytes = LinkRates::kBurstBytes}, now + after);
  }
  static LinkRates::LinkNow link(uint8_t to) {
    LinkRates::LinkNow link{.peer = node(to), .stats = {}};
    link.stats.rtt_min = 1ms;
    return link;
  }

  net::SteadyTime now{};
  std::vector<LinkRates::LinkNow> links{link(1)};
  std::vector<std::pair<wire::NodeId, Bytes>> sent;
  LinkRates rates{[this](wire::NodeId to, const net::Outgoing& frame) {
    EXPECT_TRUE(wire::check_frame(
        {.of = frame.header.of, .payload_bytes = static_cast<uint32_t>(frame.payload[0].size())}, frame.lane));
    EXPECT_EQ(frame.lane, net::Lane::bulk);
    sent.emplace_back(to, frame.payload[0].size());
    return true;
  }};
};

TEST_F(LinkRatesTest, ABurstsTimeLessThatOfAMessageIsTheRate) {
  tick();
  EXPECT_EQ(bytes_sent(), LinkRates::kBurstBytes + 1);
  EXPECT_FALSE(rates.bytes_per_s(node(1)));
  arrives(1, 11ms);
  EXPECT_NEAR(rates.bytes_per_s(node(1)).value(), LinkRates::kBurstBytes / 0.01, 1);
}

TEST_F(LinkRatesTest, TheBestOfThreeCountsAndThenThereIsPeace) {
  for (const auto time : {21ms, 11ms, 31ms}) {
    tick();
    EXPECT_GT(bytes_sent(), 0U);
    arrives(1, time);
    tick();  // observes the burst itself
    EXPECT_EQ(bytes_sent(), 0U);
  }
  EXPECT_NEAR(rates.bytes_per_s(node(1)).value(), LinkRates::kBurstBytes / 0.01, 1);
  for (int i = 0; i < 20; ++i) {
    tick();
    EXPECT_EQ(bytes_sent(), 0U);
  }
  now += LinkRates::kAgain;
  tick();
  EXPECT_GT(bytes_sent(), 0U);
}

TEST_F(LinkRatesTest, NothingIsSentWhileAnyLinkHasSomethingToDo) {
  links.push_back(link(2));
  tick();
  for (int i = 0; i < 5; ++i) {
    links[1].stats.bytes_received += 2 * LinkRates::kQuietBytes;
    tick();
    EXPECT_EQ(bytes_sent(), 0U);
  }
  links[1].stats.queued_bytes = 1;
  tick();
  EXPECT_EQ(bytes_sent(), 0U);
  links[1].stats.queued_bytes = 0;
  tick();
  EXPECT_GT(bytes_sent(), 0U);
}

TEST_F(LinkRatesTest, OneLinkAfterTheOther) {
  links.push_back(link(2));
  tick();
  std::set<wire::NodeId> measured;
  for (int i = 0; i < 20; ++i) {
    tick();
    if (sent.empty()) continue;
    for (const auto& [to, bytes] : sent) EXPECT_EQ(to, sent.front().first);
    measured.insert(sent.front().first);
    rates.arrived(sent.front().first, {.bytes = LinkRates::kBurstBytes}, now + 5ms);
  }
  EXPECT_EQ(measured, (std::set{node(1), node(2)}));
}

TEST_F(LinkRatesTest, AResultThatWasNotRequestedOrIsTooLateIsIgnored) {
  arrives(1, 5ms);
  EXPECT_FALSE(rates.bytes_per_s(node(1)));
  tick();
  rates.arrived(node(1), {.bytes = 7}, now + 5ms);
  rates.arrived(node(2), {.bytes = LinkRates::kBurstBytes}, now + 5ms);
  EXPECT_FALSE(rates.bytes_per_s(node(1)));
  now += LinkRates::kAnswerMax;
  tick();
  arrives(1, 5ms);
  EXPECT_FALSE(rates.bytes_per_s(node(1)));
}

TEST_F(LinkRatesTest, ALinkThatIsLostIsMeasuredAnew) {
  tick();
  arrives(1, 5ms);
  links.clear();
  tick();
  EXPECT_FALSE(rates.bytes_per_s(node(1)));
  links = {link(1)};
  tick();
  tick();
  EXPECT_GT(bytes_sent(), 0U);
}

}  // namespace
}  // namespace exogpu::node
