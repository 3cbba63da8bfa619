#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <format>
#include <set>

#include "gpu/device.h"
#include "gpu/testing/device.h"
#include "gpu/vulkan_probe.h"

namespace exogpu::gpu {
namespace {

bool vulkan_has(bool software) {
  VulkanProbe probe = probe_vulkan();
  return std::ranges::any_of(
      probe.devices, [&](const VulkanDevice& device) { return device.usable && device.info.software == software; });
}

TEST(Machine, TheCpuIsAlwaysThereAndLast) {
  auto machine = Machine::discover({.backend = {}, .software = true});
  ASSERT_TRUE(machine) << machine.error().message;
  ASSERT_FALSE(machine->devices().empty());
  const DeviceInfo& cpu = machine->devices().back().info();
  EXPECT_EQ(cpu.id, "cpu");
  EXPECT_EQ(cpu.kind, DeviceKind::cpu);
  EXPECT_EQ(cpu.backend, "CPU");
  EXPECT_FALSE(cpu.name.empty());
  EXPECT_GE(cpu.compute_units, 1u);
  EXPECT_TRUE(cpu.precisions.int8_dot.has_value());
  MemoryInfo memory = machine->devices().back().memory();
  EXPECT_GT(memory.total, 64 * MiB);
  EXPECT_GT(memory.free, 0u);
  EXPECT_LE(memory.free, memory.total);
}

TEST(Machine, EveryDeviceIsDescribedAndHasAnIdOfItsOwn) {
  auto machine = Machine::discover({.backend = {}, .software = true});
  ASSERT_TRUE(machine) << machine.error().message;
  std::set<std::string> ids;
  for (const Device& device : machine->devices()) {
    const DeviceInfo& info = device.info();
    EXPECT_TRUE(ids.insert(info.id).second) << info.id;
    EXPECT_FALSE(info.name.empty()) << info.id;
    EXPECT_FALSE(info.backend.empty()) << info.id;
    EXPECT_NE(device.handle(), nullptr) << info.id;
    EXPECT_GT(device.memory().total, 0u) << info.id;
    if (info.backend == "Vulkan") {
      EXPECT_FALSE(info.api_version.empty());
      EXPECT_FALSE(info.driver_version.empty());
      EXPECT_EQ(info.uuid.size(), 36u);
      EXPECT_TRUE(info.precisions.f16.has_value());
    }
  }
}

TEST(Machine, ADeviceIsFoundByIdOrItsStart) {
  auto machine = Machine::discover({.backend = {}, .software = true});
  ASSERT_TRUE(machine) << machine.error().message;
  auto cpu = machine->find("CPU");
  ASSERT_TRUE(cpu);
  EXPECT_EQ((*cpu)->info().id, "cpu");
  auto none = machine->find("quantum7");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_NE(none.error().message.find("quantum7"), std::string::npos);
  EXPECT_NE(none.error().message.find("cpu"), std::string::npos);
  EXPECT_FALSE(machine->find(""));
}

TEST(Machine, AForcedBackendWithoutADeviceIsAnErrorThatNamesIt) {
  auto machine = Machine::discover({.backend = "abacus", .software = true});
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.error().code, ErrorCode::not_found);
  EXPECT_NE(machine.error().message.find("abacus"), std::string::npos);
  EXPECT_NE(machine.error().message.find("CPU"), std::string::npos);
}

TEST(Machine, AllDevicesAreReadyInThreeSeconds) {
  EXPECT_IN_NEW_PROCESS([] -> std::string {
    auto start = std::chrono::steady_clock::now();
    auto machine = Machine::discover({.backend = {}, .software = true});
    if (!machine) return machine.error().message;
    for (const Device& device : machine->devices()) device.memory();
    std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return took.count() < 3 ? "" : std::format("took {} s", took.count());
  });
}

TEST(Machine, SoftwareRenderersAreOmittedUnlessRequested) {
  EXPECT_IN_NEW_PROCESS([] -> std::string {
    auto machine = Machine::discover();
    if (!machine) return machine.error().message;
    for (const Device& device : machine->devices()) {
      if (device.info().software) return device.info().id + " is listed";
    }
    return "";
  });
}

TEST(Machine, SoftwareRenderersAreShownWhenAskedFor) {
  if (!vulkan_has(true)) GTEST_SKIP() << "no Vulkan device rendered by the CPU here (Mesa's llvmpipe is one)";
  EXPECT_IN_NEW_PROCESS([] -> std::string {
    auto machine = Machine::discover({.backend = {}, .software = true});
    if (!machine) return machine.error().message;
    for (const Device& device : machine->devices()) {
      if (device.info().software) return "";
    }
    return "none is listed";
  });
}

TEST(Machine, AForcedVulkanTakesASoftwareRendererWhenThereIsNoGpu) {
  if (!vulkan_has(true) || vulkan_has(false)) GTEST_SKIP() << "needs a software renderer and no GPU";
  EXPECT_IN_NEW_PROCESS([] -> std::string {
    auto machine = Machine::discover({.backend = "vulkan"});
    if (!machine) return machine.error().message;
    bool right = machine->devices().size() == 1 && machine->devices()[0].info().software;
    return right ? "" : "it is not the only device";
  });
}

TEST(Machine, SoftwareRenderersThatCameTooLateAreAClearError) {
  if (!vulkan_has(true)) GTEST_SKIP() << "no Vulkan device rendered by the CPU here (Mesa's llvmpipe is one)";
  EXPECT_IN_NEW_PROCESS([] -> std::string {
    if (auto first = Machine::discover(); !first) return first.error().message;
    auto second = Machine::discover({.backend = {}, .software = true});
    if (second) return "they were found";
    return second.error().code == ErrorCode::failed_precondition ? "" : second.error().message;
  });
}

TEST(Machine, WithABrokenVulkanDriverTheCpuServes) {
  for (bool software : {false, true}) {
    EXPECT_IN_NEW_PROCESS([&] -> std::string {
      setenv("VK_DRIVER_FILES", "/nonexistent/driver.json", 1);
      setenv("VK_ICD_FILENAMES", "/nonexistent/driver.json", 1);
      auto machine = Machine::discover({.backend = {}, .software = software});
      if (!machine) return machine.error().message;
      for (const Device& device : machine->devices()) {
        if (device.info().backend == "Vulkan") return device.info().id + " is listed";
      }
      if (machine->devices().back().info().id != "cpu") return "the CPU is missing";
      auto forced = Machine::discover({.backend = "vulkan"});
      if (forced) return "Vulkan devices were found";
      return forced.error().message.contains("vkCreateInstance") ? "" : forced.error().message;
    });
  }
}

TEST(Machine, WithADriverThatIsNoLibraryTheCpuServes) {
  std::string manifest = testing::TempDir() + "exogpu_broken_icd.json";
  std::FILE* file = std::fopen(manifest.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs(R"({"file_format_version":"1.0.0","ICD":{"library_path":"/etc/passwd","api_version":"1.3.0"}})", file);
  std::fclose(file);
  EXPECT_IN_NEW_PROCESS([&] -> std::string {
    setenv("VK_DRIVER_FILES", manifest.c_str(), 1);
    setenv("VK_ICD_FILENAMES", manifest.c_str(), 1);
    auto machine = Machine::discover({.backend = {}, .software = true});
    if (!machine) return machine.error().message;
    return machine->devices().back().info().id == "cpu" ? "" : "the CPU is missing";
  });
  std::remove(manifest.c_str());
}

TEST(Machine, AVulkanIndexOutOfRangeLeavesTheCpu) {
  EXPECT_IN_NEW_PROCESS([] -> std::string {
    setenv("GGML_VK_VISIBLE_DEVICES", "77", 1);
    auto machine = Machine::discover();
    if (!machine) return machine.error().message;
    return machine->devices().back().info().id == "cpu" ? "" : "the CPU is missing";
  });
}

TEST(Machine, GgmlPrintsNothingOnItsOwn) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        auto machine = Machine::discover({.backend = {}, .software = true});
        std::_Exit(machine ? 0 : 1);
      },
      testing::ExitedWithCode(0), "^$");
}

}  // namespace
}  // namespace exogpu::gpu
