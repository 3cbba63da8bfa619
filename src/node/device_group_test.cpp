// Groups of devices as a planner sees them.
#include "node/device_group.h"

#include <gtest/gtest.h>

#include "engine/testing/tiny.h"

namespace exogpu::node {
namespace {

wire::DeviceProfile example_profile(std::string id, double bytes_per_s, Bytes memory_free) {
  wire::DeviceProfile profile;
  profile.id.device = std::move(id);
  profile.name = "Example " + profile.id.device;
  profile.kind = wire::DeviceKind::discrete;
  profile.uses_host_memory = false;
  profile.memory_free = memory_free;
  profile.memory_bytes_per_s = bytes_per_s;
  profile.rates = {
      {.type = "q8_0", .bits_per_weight = 8.5, .matvec_bytes_per_s = bytes_per_s, .matmul_flops_per_s = 1e12},
      {.type = "q4_K", .bits_per_weight = 4.5, .matvec_bytes_per_s = bytes_per_s, .matmul_flops_per_s = 2e12}};
  profile.upload_bytes_per_s = profile.download_bytes_per_s = 1e10;
  return profile;
}

constexpr engine::ExchangeCost kExchange{.few_s = 1e-5, .bytes_per_s = 1e9};

TEST(DeviceGroup, TwoEqualDevicesAreTwiceAsFastAndHaveTwiceTheMemory) {
  const std::vector members = {example_profile("gpu0", 1e12, 8 * GiB), example_profile("gpu1", 1e12, 8 * GiB)};
  const auto group = group_profile("gpu0+gpu1", members, shares_by_speed(members), kExchange);
  EXPECT_EQ(group.id.device, "gpu0+gpu1");
  EXPECT_EQ(group.memory_free, 16 * GiB);
  EXPECT_EQ(group.rates.size(), 2U);
  EXPECT_DOUBLE_EQ(group.rates[1].matvec_bytes_per_s, 2e12);
  EXPECT_DOUBLE_EQ(group.rates[1].matmul_flops_per_s, 4e12);
  EXPECT_DOUBLE_EQ(group.memory_bytes_per_s, 2e12);
  EXPECT_DOUBLE_EQ(group.exchange_s, 2e-5);
  EXPECT_DOUBLE_EQ(group.exchange_bytes_per_s, 1e9);
}

TEST(DeviceGroup, CannotComputeWhatAMemberCannot) {
  std::vector members = {example_profile("gpu0", 1e12, 8 * GiB), example_profile("gpu1", 1e12, 8 * GiB)};
  members[0].limits = {{.type = "bf16", .use = "matrix", .held_as = "f16"},
                       {.type = "tq1_0", .use = "matrix", .held_as = {}}};
  members[1].limits = {{.type = "bf16", .use = "matrix", .held_as = "f32", .growth = 2},
                       {.type = "tq1_0", .use = "matrix", .held_as = "q8_0", .growth = 5}};
  const auto group = group_profile("gpu0+gpu1", members, shares_by_speed(members), kExchange);
  const std::vector<wire::TypeLimit> expected = {members[1].limits[0], members[0].limits[1]};
  EXPECT_EQ(group.limits, expected);
}

TEST(DeviceGroup, AFasterMemberGetsMoreAndTheSmallerMemoryDecides) {
  const std::vector members = {example_profile("gpu0", 3e12, 8 * GiB), example_profile("gpu1", 1e12, 8 * GiB)};
  const auto shares = shares_by_speed(members);
  EXPECT_DOUBLE_EQ(shares[0], 3 * shares[1]);
  const auto group = group_profile("gpu0+gpu1", members, shares, kExchange);
  EXPECT_DOUBLE_EQ(group.rates[1].matvec_bytes_per_s, 4e12);
  EXPECT_NEAR(static_cast<double>(group.memory_free), 8 * GiB / 0.75, 1.0) << "of which gpu0 has three quarters";
  EXPECT_DOUBLE_EQ(group.rates[1].matmul_flops_per_s, 2e12 / 0.75) << "as fast at products, gpu0 has more of them";
}

TEST(DeviceGroup, MembersOnOneDeviceDivideItAndItsMemoryCountsOnce) {
  auto processor = example_profile("cpu", 1e11, 16 * GiB);
  processor.uses_host_memory = true;
  const std::vector members = {processor, processor};
  const auto group = group_profile("cpu+cpu", members, shares_by_speed(members), kExchange);
  EXPECT_EQ(group.memory_free, 16 * GiB);
  EXPECT_DOUBLE_EQ(group.rates[1].matvec_bytes_per_s, 1e11);
}

TEST(DeviceGroup, OnlyTypesThatAllMembersHaveCount) {
  std::vector members = {example_profile("gpu0", 1e12, GiB), example_profile("gpu1", 1e12, GiB)};
  members[1].rates.erase(members[1].rates.begin());
  const auto group = group_profile("gpu0+gpu1", members, shares_by_speed(members), kExchange);
  ASSERT_EQ(group.rates.size(), 1U);
  EXPECT_EQ(group.rates[0].type, "q4_K");
}

TEST(DeviceGroup, IsNamedByItsMembers) {
  EXPECT_TRUE(names_group("cpu+vulkan0"));
  EXPECT_FALSE(names_group("cpu"));
  EXPECT_TRUE(has_member("cpu+vulkan0", "vulkan0"));
  EXPECT_TRUE(has_member("cpu", "cpu"));
  EXPECT_FALSE(has_member("cuda0+cuda10", "cuda1"));
  const auto machine = gpu::Machine::discover({.backend = "cpu"});
  ASSERT_TRUE(machine);
  const auto two = group_of(*machine, "cpu+cpu", {{"cpu+cpu", {3.0, 1.0}}});
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_EQ(two->devices.size(), 2U);
  EXPECT_EQ(two->shares, (std::vector{3.0, 1.0}));
  EXPECT_EQ(devices_of(*machine, "cpu")->size(), 1U);
  EXPECT_FALSE(devices_of(*machine, "cpu+abacus"));
  EXPECT_FALSE(devices_of(*machine, "cpu+"));
}

}  // namespace
}  // namespace exogpu::node
