#include "api/surface/principal.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

// Two nodes with a GPU and a CPU each; "small" runs on one of them, "large" on both, "idle" is not loaded.
node::ClusterSnapshot two_nodes() {
  node::ClusterSnapshot cluster;
  for (const char* name : {"desk", "laptop"}) {
    node::NodeSnapshot node;
    node.name = name;
    for (const char* device : {"cuda0", "cpu"}) {
      node.devices.emplace_back();
      node.devices.back().id = device;
    }
    cluster.nodes.push_back(std::move(node));
  }
  const auto add = [&](const char* name, const std::vector<const char*>& nodes) {
    node::ModelSnapshot model;
    model.name = name;
    if (!nodes.empty()) model.plan.emplace();
    for (const char* node : nodes) model.plan->stages.push_back({.node = node, .device = "cuda0"});
    cluster.models.push_back(std::move(model));
  };
  add("small", {"desk"});
  add("large", {"desk", "laptop"});
  add("idle", {});
  return cluster;
}

Principal key_for(std::vector<std::string> devices) {
  Principal principal{.key = wire::AccessKey{}, .authenticated = true};
  principal.key->name = "phone";
  principal.key->devices = std::move(devices);
  return principal;
}

TEST(PrincipalDevices, AnswersComeFromAllowedDevicesAlone) {
  const auto cluster = two_nodes();
  const Principal desk = key_for({"desk/*"});
  EXPECT_TRUE(check_devices(desk, "small", cluster));
  const auto refused = check_devices(desk, "large", cluster);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 403U);
  EXPECT_EQ(refused.error().code, "device_not_allowed");
  EXPECT_TRUE(refused.error().message.contains("runs on laptop/cuda0, too")) << refused.error().message;
  const auto idle = check_devices(desk, "idle", cluster);
  ASSERT_FALSE(idle);
  EXPECT_TRUE(idle.error().message.contains("it is not loaded")) << idle.error().message;
  EXPECT_FALSE(check_devices(desk, "unknown", cluster));
  EXPECT_FALSE(check_devices(key_for({"desk/cpu"}), "small", cluster));
  EXPECT_TRUE(check_devices(key_for({"desk/cuda0", "lap*"}), "large", cluster));
}

TEST(PrincipalDevices, OthersMayUseAll) {
  const auto cluster = two_nodes();
  for (const Principal& principal : {Principal{}, key_for({})}) {
    for (const char* model : {"small", "large", "idle"}) EXPECT_TRUE(check_devices(principal, model, cluster));
    EXPECT_TRUE(forbidden_devices(principal, cluster).empty());
  }
}

TEST(PrincipalDevices, TheOthersAreNamedForThePlan) {
  EXPECT_EQ(forbidden_devices(key_for({"*/cuda*"}), two_nodes()), (std::vector<std::string>{"desk/cpu", "laptop/cpu"}));
}

}  // namespace
}  // namespace exogpu::api
