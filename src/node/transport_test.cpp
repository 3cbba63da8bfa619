#include "node/transport.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"
#include "node/testing/fake_transport.h"
#include "wire/ring.h"

namespace exogpu::node {
namespace {

using cluster::testing::example_id;

TEST(TransportTest, AMessageIsSentInTheOrderedLaneWithItsType) {
  testing::FakeTransport transport;
  transport.connected = {example_id(2)};
  EXPECT_TRUE(transport.send_message(example_id(2), wire::CancelGenerate{.request = 8}));
  ASSERT_EQ(transport.sent.size(), 1U);
  EXPECT_EQ(transport.sent[0].lane, net::Lane::ordered);
  EXPECT_EQ(std::get<wire::Control>(transport.sent[0].header.of).type, wire::CancelGenerate::kType);
  EXPECT_EQ(wire::decode<wire::CancelGenerate>(transport.sent[0].payload)->request, 8U);
}

// A transport whose first node refuses.
class FirstRefuses final : public Transport {
 public:
  Result<void> send(wire::NodeId to, net::Outgoing) override {
    asked.push_back(to);
    if (asked.size() == 1) return fail(ErrorCode::resource_exhausted, "the queue is full");
    return {};
  }
  std::vector<wire::NodeId> connected_nodes() const override { return {example_id(2), example_id(3), example_id(4)}; }
  std::vector<wire::NodeId> asked;
};

TEST(TransportTest, ABroadcastReachesTheOthersWhereOneRefuses) {
  FirstRefuses transport;
  transport.broadcast(wire::CancelGenerate{.request = 8});
  EXPECT_EQ(transport.asked, (std::vector{example_id(2), example_id(3), example_id(4)}));
}

}  // namespace
}  // namespace exogpu::node
