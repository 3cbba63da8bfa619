#include "cli/plan/cluster_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/testing/source_dir.h"
#include "cli/devices/report.h"
#include "placement/by_name.h"

namespace exogpu::cli {
namespace {

// The example of docs/placement.md.
nlohmann::json example() {
  std::ifstream in(exogpu::testing::source_dir() / "docs/placement.md");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const size_t begin = text.find("```json\n") + 8;
  return nlohmann::json::parse(text.substr(begin, text.find("```", begin) - begin));
}

std::string refusal(const nlohmann::json& json) {
  const auto described = parse_cluster(json.dump(), "c.json");
  if (described) return "accepted";
  EXPECT_EQ(described.error().code, ErrorCode::corrupt);
  return described.error().message;
}

TEST(ClusterFile, TheDocumentedExampleIsRead) {
  const auto described = parse_cluster(example().dump(), "c.json");
  ASSERT_TRUE(described) << described.error().message;
  ASSERT_EQ(described->view.devices.size(), 2U);
  const wire::DeviceProfile& card = described->view.devices[0];
  EXPECT_EQ(card.node_name, "desk");
  EXPECT_EQ(card.id.device, "cuda0");
  EXPECT_FALSE(card.uses_host_memory);
  EXPECT_EQ(card.memory_free, 24'000'000'000U);
  ASSERT_EQ(card.rates.size(), 2U);
  EXPECT_EQ(card.rates[0].bits_per_weight, 4.5);
  EXPECT_EQ(card.rates[1].matmul_flops_per_s, 9e13);
  EXPECT_TRUE(described->view.devices[1].uses_host_memory);
  ASSERT_EQ(described->view.links.size(), 2U);
  EXPECT_EQ(described->view.links[0].from, card.id.node);
  EXPECT_EQ(described->view.links[1].to, card.id.node);
  EXPECT_NE(described->view.links[0].to, card.id.node);
}

TEST(ClusterFile, WhatTheDevicesCommandPrintsIsAClusterOfOneNode) {
  gpu::Profile profile;
  profile.bandwidth_bytes_per_s = 3e10;
  profile.products = {{.type = "q8_0", .matvec_bytes_per_s = 2e10, .matmul_flops_per_s = 0}};
  profile.host_to_device_bytes_per_s = profile.device_to_host_bytes_per_s = 1e10;
  profile.graph_overhead_s = 1e-5;
  DevicesReport report;
  DeviceReport device;
  device.info.id = "cpu";
  device.info.name = "CPU";
  device.memory = {.total = 2000, .free = 1000};
  device.limits = {{.type = "mxfp4", .use = "experts", .held_as = "q8_0", .growth = 2},
                   {.type = "tq1_0", .use = "matrix", .held_as = {}}};
  device.profile = gpu::CachedProfile{.profile = profile, .measured = true, .note = ""};
  const auto limits = device.limits;
  report.devices.push_back(std::move(device));
  const auto described = parse_cluster(as_json(report), "standard input");
  ASSERT_TRUE(described) << described.error().message;
  ASSERT_EQ(described->view.devices.size(), 1U);
  EXPECT_EQ(described->view.devices[0].memory_free, 1000U);
  EXPECT_EQ(described->view.devices[0].limits, limits);
  // Not measured for many columns: two operations for each weight that one column reads.
  EXPECT_DOUBLE_EQ(described->view.devices[0].rates[0].matmul_flops_per_s, 2 * 2e10 * 8 / 8.5);
}

TEST(ClusterFile, RulesOfDevicesAreRead) {
  nlohmann::json json = example();
  json["nodes"][1]["devices"][0]["rules"] = {{"heat", "it is critically hot"}};
  const auto described = parse_cluster(json.dump(), "c.json");
  ASSERT_TRUE(described) << described.error().message;
  ASSERT_EQ(described->rules.size(), 1U);
  EXPECT_EQ(described->rules[0].device, described->view.devices[1].id);
  EXPECT_EQ(described->rules[0].rule, placement::Rule::heat);
  json["nodes"][1]["devices"][0]["rules"] = {{"colour", "it is blue"}};
  EXPECT_EQ(refusal(json),
            "c.json.nodes[1].devices[0].rules: \"colour\" is no rule of a device; there are access, failed, precision, "
            "power, battery and heat");
}

TEST(ClusterFile, ErrorsNameTheirPosition) {
  auto spoilt = [](auto&& spoil) {
    nlohmann::json json = example();
    spoil(json);
    return refusal(json);
  };
  EXPECT_EQ(refusal("text"), "c.json: the content is not a JSON object");
  EXPECT_EQ(parse_cluster("{", "c.json").error().message, "c.json: the content is not JSON");
  EXPECT_EQ(spoilt([](auto& j) { j["nodes"][0].erase("name"); }), "c.json.nodes[0] has no \"name\"");
  EXPECT_EQ(spoilt([](auto& j) { j["nodes"][1]["name"] = "desk"; }),
            "c.json.nodes[1]: the file has two nodes \"desk\"");
  EXPECT_EQ(spoilt([](auto& j) { j["nodes"][0]["devices"][0]["memory_free_bytes"] = -1; }),
            "c.json.nodes[0].devices[0]: \"memory_free_bytes\" is -1; it must be 0 or more");
  EXPECT_EQ(spoilt([](auto& j) { j["nodes"][0]["devices"][0]["kind"] = "big"; }),
            "c.json.nodes[0].devices[0]: \"big\" is not a kind of device; write discrete, integrated or cpu");
  EXPECT_EQ(spoilt([](auto& j) { j["nodes"][0]["devices"][0]["profile"]["products"][1]["matvec_bytes_per_s"] = 0; }),
            "c.json.nodes[0].devices[0].profile.products[1]: \"matvec_bytes_per_s\" is 0; it must be above 0");
  EXPECT_EQ(spoilt([](auto& j) { j["nodes"][0]["devices"][0].erase("profile"); }),
            "c.json.nodes[0].devices[0] has no \"profile\"; `exogpu devices --json --profile` prints it");
  EXPECT_EQ(spoilt([](auto& j) { j["links"][0]["between"] = {"desk", "attic"}; }),
            "c.json.links[0]: the file has no node \"attic\"");
  EXPECT_EQ(spoilt([](auto& j) { j["links"][0]["delay_s"] = "short"; }),
            "c.json.links[0]: \"delay_s\" is not a number");
}

TEST(Layers, AreGivenByNameAndRange) {
  const auto described = parse_cluster(example().dump(), "c.json");
  const auto stages = placement::parse_layers(described->view, "desk/cuda0:0-11,laptop:12");
  ASSERT_TRUE(stages) << stages.error().message;
  ASSERT_EQ(stages->size(), 2U);
  EXPECT_EQ((*stages)[0].device, described->view.devices[0].id);
  EXPECT_EQ((*stages)[0].layers, (wire::LayerRange{0, 12}));
  EXPECT_EQ((*stages)[1].layers, (wire::LayerRange{12, 13}));
  auto refusal_of = [&](std::string_view text) {
    return placement::parse_layers(described->view, text).error().message;
  };
  EXPECT_EQ(refusal_of("cpu"), "--layers cpu: write DEVICE:FIRST-LAST, for example cpu:0-11");
  EXPECT_EQ(placement::check_layers("cpu").error().message, refusal_of("cpu"));
  EXPECT_TRUE(placement::check_layers("gpu:0-2,desk:3"));
  EXPECT_EQ(refusal_of("cpu:5-2"), "--layers cpu:5-2: the last layer comes before the first");
  EXPECT_EQ(refusal_of("cpu:a-2"),
            "--layers cpu:a-2: \"a\" is no layer; write DEVICE:FIRST-LAST, for example cpu:0-11");
  EXPECT_EQ(refusal_of("gpu:0-2"), "there is no device \"gpu\"; here are: desk/cuda0, laptop/cpu");
}

}  // namespace
}  // namespace exogpu::cli
