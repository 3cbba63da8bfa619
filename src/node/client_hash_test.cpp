#include "node/client_hash.h"

#include <gtest/gtest.h>

namespace exogpu::node {
namespace {

TEST(ClientHash, IsTheSameForOneClientAndHidesItsKey) {
  EXPECT_EQ(client_id("key-a"), client_id("key-a"));
  EXPECT_NE(client_id("key-a"), client_id("key-b"));
  EXPECT_NE(client_id(""), wire::ClientId());
  EXPECT_EQ(client_hash("key-a").size(), 32U);
  EXPECT_EQ(client_hash("key-a"), client_hash("key-a"));
  EXPECT_NE(client_hash("key-a"), client_hash("key-b"));
  EXPECT_FALSE(client_hash("key-a").contains("key-a"));
}

}  // namespace
}  // namespace exogpu::node
