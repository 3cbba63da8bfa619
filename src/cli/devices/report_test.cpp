#include "cli/devices/report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace exogpu::cli {
namespace {

DevicesReport two_devices() {
  DeviceReport gpu;
  gpu.info.id = "cuda0";
  gpu.info.name = "Card";
  gpu.info.kind = gpu::DeviceKind::discrete;
  gpu.info.backend = "CUDA";
  gpu.info.compute_units = 132;
  gpu.info.precisions.f16 = true;
  gpu.info.precisions.bf16 = false;
  gpu.info.pci_address = "0000:65:00.0";
  gpu.memory = {.total = 8 * GiB, .free = 6 * GiB};
  gpu.readings.temperature_c = 61;
  DeviceReport cpu;
  cpu.info.id = "cpu";
  cpu.info.name = "Processor";
  cpu.info.backend = "CPU";
  cpu.memory = {.total = 4 * GiB, .free = 1 * GiB};
  DevicesReport report;
  report.devices = {gpu, cpu};
  return report;
}

gpu::CachedProfile some_profile() {
  gpu::CachedProfile cached;
  cached.profile.bandwidth_bytes_per_s = 2.5e12;
  cached.profile.memory_read_bytes_per_s = 4.2e12;
  cached.profile.memory_copy_bytes_per_s = 4.3e12;
  cached.profile.products = {{.type = "q4_K", .matvec_bytes_per_s = 2.5e12, .matmul_flops_per_s = 3.21e14},
                             {.type = "f16", .matvec_bytes_per_s = 2.4e12, .matmul_flops_per_s = 0}};
  cached.profile.host_to_device_bytes_per_s = 5.5e10;
  cached.profile.device_to_host_bytes_per_s = 5.2e10;
  cached.profile.graph_overhead_s = 12.34e-6;
  cached.profile.took_s = 1.26;
  cached.measured = true;
  return cached;
}

TEST(DevicesReport, APageHasALineForEachDevice) {
  EXPECT_EQ(as_text(two_devices()),
            "ID     NAME       KIND      BACKEND  MEMORY FREE  OF        CORES  COMPUTES IN  NOW    PCI\n"
            "cuda0  Card       discrete  CUDA     6.00 GiB     8.00 GiB  132    f32 f16      61 °C  0000:65:00.0\n"
            "cpu    Processor  cpu       CPU      1.00 GiB     4.00 GiB         f32\n");
}

TEST(DevicesReport, AProcessorNamesItsKindsOfCoresAndItsHardwareThreads) {
  DevicesReport report = two_devices();
  gpu::DeviceInfo& info = report.devices[1].info;
  const auto says = [&](const std::string& words) { return as_text(report).contains("4.00 GiB  " + words + "  f32"); };
  info.compute_units = info.performance_cores = info.hardware_threads = 8;
  report.devices[0].info.compute_units = 0;
  EXPECT_TRUE(says("8    ")) << as_text(report);
  info.hardware_threads = 16;
  EXPECT_TRUE(says("8, 16 threads")) << as_text(report);
  info.compute_units = 24;
  info.hardware_threads = 32;
  EXPECT_TRUE(says("8 performance, 16 efficiency, 32 threads")) << as_text(report);
  const auto json = nlohmann::json::parse(as_json(report))["devices"][1];
  EXPECT_EQ(json["performance_cores"], 8);
  EXPECT_EQ(json["hardware_threads"], 32);
}

TEST(DevicesReport, SaysWhichWeightsADeviceConvertsOrCannotHave) {
  DevicesReport report = two_devices();
  report.devices[0].limits = {{.type = "mxfp4", .use = "experts", .held_as = "q8_0", .growth = 2},
                              {.type = "tq1_0", .use = "matrix", .held_as = "q8_0", .growth = 5},
                              {.type = "tq1_0", .use = "experts", .held_as = "q8_0", .growth = 5},
                              {.type = "q1_0", .use = "matrix", .held_as = {}}};
  EXPECT_TRUE(
      as_text(report).ends_with("\ncuda0 cannot have weights of q1_0\n"
                                "cuda0 converts weights of mxfp4 (experts), tq1_0 to q8_0\n"))
      << as_text(report);
  const auto limits = nlohmann::json::parse(as_json(report))["devices"][0]["limits"];
  ASSERT_EQ(limits.size(), 4U);
  EXPECT_EQ(limits[0]["held_as"], "q8_0");
  EXPECT_EQ(limits[0]["growth"], 2);
  EXPECT_TRUE(limits[3]["held_as"].is_null());
}

TEST(DevicesReport, AProfileHasALineForEachTypeOfWeights) {
  DevicesReport report = two_devices();
  report.devices[0].profile = some_profile();
  std::string text = as_text(report);
  EXPECT_TRUE(
      text.contains("cuda0  q4_K     2.5 TB/s         321 TFLOP/s          4.3 TB/s  55 GB/s    52 GB/s      12.3 us"))
      << text;
  EXPECT_TRUE(text.contains("f16      2.4 TB/s         ?\n")) << text;
  EXPECT_TRUE(text.contains("now, in 1.3 s")) << text;
}

TEST(DevicesReport, JsonHasNullForWhatIsUnknown) {
  DevicesReport report = two_devices();
  nlohmann::json json = nlohmann::json::parse(as_json(report));
  const nlohmann::json& gpu = json["devices"][0];
  EXPECT_EQ(gpu["id"], "cuda0");
  EXPECT_EQ(gpu["memory_free_bytes"], 6 * GiB);
  EXPECT_EQ(gpu["precisions"]["f16"], true);
  EXPECT_EQ(gpu["precisions"]["bf16"], false);
  EXPECT_TRUE(gpu["precisions"]["int8_dot"].is_null());
  EXPECT_TRUE(gpu["uuid"].is_null());
  EXPECT_FALSE(gpu.contains("profile"));
  EXPECT_TRUE(json["devices"][1]["compute_units"].is_null());
  EXPECT_TRUE(json["devices"][1]["performance_cores"].is_null());
  EXPECT_TRUE(json["devices"][1]["hardware_threads"].is_null());
  EXPECT_TRUE(json.contains("power_supply"));
}

TEST(DevicesReport, JsonHasTheProfileOrWhyThereIsNone) {
  DevicesReport report = two_devices();
  report.devices[0].profile = some_profile();
  report.devices[1].profile = fail(ErrorCode::unavailable, "cpu: it is gone");
  nlohmann::json json = nlohmann::json::parse(as_json(report));
  const nlohmann::json& profile = json["devices"][0]["profile"];
  EXPECT_EQ(profile["bandwidth_bytes_per_s"], 2.5e12);
  EXPECT_EQ(profile["memory_read_bytes_per_s"], 4.2e12);
  EXPECT_EQ(profile["products"][0]["type"], "q4_K");
  EXPECT_TRUE(profile["products"][1]["matmul_flops_per_s"].is_null());
  EXPECT_EQ(profile["measured_now"], true);
  EXPECT_EQ(json["devices"][1]["profile"]["error"]["code"], "unavailable");
  EXPECT_EQ(problems(report), std::vector<std::string>{"cpu: it is gone"});
}

TEST(DevicesReport, AProblemThatDevicesShareIsReportedOnce) {
  DevicesReport report = two_devices();
  gpu::CachedProfile noted = some_profile();
  noted.note = "profiles.json: is no JSON object; measured again";
  report.devices[0].profile = noted;
  report.devices[1].profile = noted;
  EXPECT_EQ(problems(report), std::vector<std::string>{noted.note});
}

TEST(DevicesReport, NamesThatAreNotUtf8AreShownAllTheSame) {
  DevicesReport report = two_devices();
  report.devices[0].info.name = "Card\xff";
  EXPECT_EQ(nlohmann::json::parse(as_json(report))["devices"][0]["name"], "Card\xef\xbf\xbd");
}

}  // namespace
}  // namespace exogpu::cli
