#include "node/link_losses.h"

#include <gtest/gtest.h>

#include "cluster/testing/examples.h"

namespace exogpu::node {
namespace {

using cluster::testing::example_id;

double after(LinkLosses& losses, uint8_t peer, uint64_t sent, uint64_t resent) {
  net::LinkStats stats;
  stats.wire_bytes_sent = sent;
  stats.wire_bytes_resent = resent;
  return losses.add(example_id(peer), stats);
}

TEST(LinkLosses, AreTheShareOfWhatWasSentAgain) {
  LinkLosses losses;
  EXPECT_EQ(after(losses, 1, 0, 0), 0);
  EXPECT_DOUBLE_EQ(after(losses, 1, 1000, 100), 0.1);
  EXPECT_DOUBLE_EQ(after(losses, 2, 1000, 0), 0) << "each link for itself";
  EXPECT_DOUBLE_EQ(losses.add(example_id(3), {}), 0) << "where the system does not report any";
}

TEST(LinkLosses, FollowWhatIsSentOfLate) {
  LinkLosses losses;
  uint64_t sent = 0;
  const uint64_t resent = 200'000;
  after(losses, 1, sent += 1'000'000, resent);
  for (int i = 0; i < 40; ++i) after(losses, 1, sent += 10'000, resent);
  EXPECT_NEAR(after(losses, 1, sent, resent), 0.2 * 0.5 / (0.5 + 0.29), 0.01);
  for (int i = 0; i < 2000; ++i) after(losses, 1, sent += 10'000, resent);
  EXPECT_LT(after(losses, 1, sent, resent), 1e-4);
}

TEST(LinkLosses, CountAnotherConnectionAnew) {
  LinkLosses losses;
  after(losses, 1, 1'000'000, 0);
  const double lossy = after(losses, 1, 500'000, 500'000);
  EXPECT_GT(lossy, 0.3);
  EXPECT_LE(lossy, 1);
}

}  // namespace
}  // namespace exogpu::node
