#include "gpu/selection.h"

#include <gtest/gtest.h>

namespace exogpu::gpu {
namespace {

Found device(std::string id, std::string backend, std::string name, Bytes memory, DeviceKind kind, std::string pci = {},
             std::string uuid = {}) {
  Found found;
  found.info.id = std::move(id);
  found.info.backend = std::move(backend);
  found.info.name = std::move(name);
  found.info.kind = kind;
  found.info.pci_address = std::move(pci);
  found.info.uuid = std::move(uuid);
  found.memory_total = memory;
  return found;
}

Found gpu(std::string id, std::string backend, std::string name, Bytes memory, std::string pci = {},
          std::string uuid = {}) {
  return device(std::move(id), std::move(backend), std::move(name), memory, DeviceKind::discrete, std::move(pci),
                std::move(uuid));
}

Found cpu() { return device("cpu", "CPU", "Some CPU", 64 * GiB, DeviceKind::cpu); }

Found software() {
  Found found = gpu("vulkan9", "Vulkan", "llvmpipe", 64 * GiB);
  found.info.software = true;
  return found;
}

std::vector<std::string> ids(const Result<std::vector<Found>>& devices) {
  std::vector<std::string> out;
  if (!devices) return {"error: " + devices.error().message};
  for (const Found& found : *devices) out.push_back(found.info.id);
  return out;
}

using Ids = std::vector<std::string>;

TEST(Selection, WithoutAGpuTheCpuServes) { EXPECT_EQ(ids(choose_devices({cpu()}, {})), Ids({"cpu"})); }

TEST(Selection, OneGpuOfTwoBackendsIsListedOnceByItsAddress) {
  auto devices = choose_devices({gpu("vulkan0", "Vulkan", "NVIDIA H200", 140 * GiB, "0000:65:00.0"), cpu(),
                                 gpu("cuda0", "CUDA", "H200 under another name", 139 * GiB, "0000:65:00.0")},
                                {});
  EXPECT_EQ(ids(devices), Ids({"cuda0", "cpu"}));
}

TEST(Selection, AnAddressIsComparedWithoutRegardToCase) {
  EXPECT_TRUE(same_device(gpu("a", "CUDA", "x", 1, "0000:C1:00.0"), gpu("b", "Vulkan", "y", 9, "0000:c1:00.0")));
}

TEST(Selection, OneGpuOfTwoBackendsIsListedOnceByItsUuid) {
  auto devices = choose_devices({gpu("vulkan0", "Vulkan", "Radeon", 16 * GiB, "", "aa-bb"),
                                 gpu("rocm0", "ROCm", "gfx1100", 16 * GiB, "0000:03:00.0", "AA-BB"), cpu()},
                                {});
  EXPECT_EQ(ids(devices), Ids({"rocm0", "cpu"}));
}

TEST(Selection, OneGpuOfTwoBackendsIsListedOnceByNameAndMemory) {
  auto devices = choose_devices({gpu("vulkan0", "Vulkan", "AMD Radeon RX 7900 XTX (RADV NAVI31)", 24560 * MiB),
                                 gpu("rocm0", "ROCm", "AMD Radeon RX 7900 XTX", 24 * GiB), cpu()},
                                {});
  EXPECT_EQ(ids(devices), Ids({"rocm0", "cpu"}));
}

TEST(Selection, TwoEqualCardsStayTwoUnderEveryBackend) {
  auto devices = choose_devices(
      {gpu("vulkan0", "Vulkan", "Card", 8 * GiB), gpu("vulkan1", "Vulkan", "Card", 8 * GiB), cpu(),
       gpu("cuda0", "CUDA", "Card", 8 * GiB, "0000:01:00.0"), gpu("cuda1", "CUDA", "Card", 8 * GiB, "0000:02:00.0")},
      {});
  EXPECT_EQ(ids(devices), Ids({"cuda0", "cuda1", "cpu"}));
}

TEST(Selection, AThirdEqualGpuOfVulkanAloneIsListed) {
  auto devices = choose_devices({gpu("vulkan0", "Vulkan", "Card", 8 * GiB), gpu("vulkan1", "Vulkan", "Card", 8 * GiB),
                                 gpu("cuda0", "CUDA", "Card", 8 * GiB, "0000:01:00.0"), cpu()},
                                {});
  EXPECT_EQ(ids(devices), Ids({"cuda0", "vulkan1", "cpu"}));
}

TEST(Selection, DifferentAddressesAreDifferentCardsWhateverTheirNames) {
  EXPECT_FALSE(same_device(gpu("a", "CUDA", "Card", 8, "0000:01:00.0"), gpu("b", "Vulkan", "Card", 8, "0000:02:00.0")));
  EXPECT_FALSE(same_device(gpu("a", "CUDA", "Card", 8, "", "aa"), gpu("b", "Vulkan", "Card", 8, "", "bb")));
}

TEST(Selection, TwoVulkanDriversOfOneCardAreOneDevice) {
  auto devices = choose_devices({gpu("vulkan0", "Vulkan", "Card (RADV)", 8 * GiB, "0000:01:00.0"),
                                 gpu("vulkan1", "Vulkan", "Card", 8 * GiB, "0000:01:00.0"), cpu()},
                                {});
  EXPECT_EQ(ids(devices), Ids({"vulkan0", "cpu"}));
}

TEST(Selection, PartitionsOfOneCardUnderCudaStayApart) {
  EXPECT_FALSE(same_device(gpu("a", "CUDA", "Card", 8, "0000:01:00.0"), gpu("b", "CUDA", "Card", 8, "0000:01:00.0")));
}

TEST(Selection, TheChosenDeviceLearnsWhatOnlyTheOtherBackendKnows) {
  Found vulkan = gpu("vulkan0", "Vulkan", "Card", 8 * GiB, "0000:01:00.0", "aa");
  vulkan.info.compute_units = 132;
  vulkan.info.vendor = "NVIDIA";
  vulkan.info.driver_version = "of the Vulkan driver";
  vulkan.info.precisions.matrix_cores = true;
  auto devices = choose_devices({vulkan, gpu("cuda0", "CUDA", "Card", 8 * GiB, "0000:01:00.0"), cpu()}, {});
  ASSERT_TRUE(devices);
  const DeviceInfo& info = devices->front().info;
  EXPECT_EQ(info.id, "cuda0");
  EXPECT_EQ(info.compute_units, 132u);
  EXPECT_EQ(info.vendor, "NVIDIA");
  EXPECT_EQ(info.uuid, "aa");
  EXPECT_EQ(info.precisions.matrix_cores, true);
  EXPECT_EQ(info.driver_version, "");
}

TEST(Selection, BestFirstAndTheCpuLast) {
  Found integrated = device("vulkan0", "Vulkan", "Iris", 30 * GiB, DeviceKind::integrated, "0000:00:02.0");
  auto devices = choose_devices(
      {cpu(), software(), integrated, gpu("vulkan1", "Vulkan", "Arc", 16 * GiB, "0000:03:00.0"),
       gpu("cuda0", "CUDA", "Small", 8 * GiB, "0000:01:00.0"), gpu("cuda1", "CUDA", "Large", 80 * GiB, "0000:02:00.0")},
      {.backend = {}, .software = true});
  EXPECT_EQ(ids(devices), Ids({"cuda1", "cuda0", "vulkan1", "vulkan0", "vulkan9", "cpu"}));
}

TEST(Selection, TheChainOfBackends) {
  EXPECT_LT(backend_rank("CUDA"), backend_rank("ROCm"));
  EXPECT_LT(backend_rank("ROCm"), backend_rank("Metal"));
  EXPECT_LT(backend_rank("Metal"), backend_rank("Vulkan"));
  EXPECT_LT(backend_rank("Vulkan"), backend_rank("SYCL"));
  EXPECT_LT(backend_rank("SYCL"), backend_rank("CPU"));
}

TEST(Selection, SoftwareRenderersAreOmittedUnlessRequested) {
  EXPECT_EQ(ids(choose_devices({software(), cpu()}, {})), Ids({"cpu"}));
  EXPECT_EQ(ids(choose_devices({software(), cpu()}, {.backend = {}, .software = true})), Ids({"vulkan9", "cpu"}));
}

TEST(Selection, AForcedBackendReplacesTheChain) {
  std::vector<Found> all = {gpu("vulkan0", "Vulkan", "Card", 8 * GiB, "0000:01:00.0"), software(),
                            gpu("cuda0", "CUDA", "Card", 8 * GiB, "0000:01:00.0"), cpu()};
  EXPECT_EQ(ids(choose_devices(all, {.backend = "VULKAN"})), Ids({"vulkan0"}));
  EXPECT_EQ(ids(choose_devices(all, {.backend = "cpu"})), Ids({"cpu"}));
}

TEST(Selection, AForcedBackendTakesASoftwareDeviceWhenItHasNoOther) {
  EXPECT_EQ(ids(choose_devices({software(), cpu()}, {.backend = "vulkan"})), Ids({"vulkan9"}));
}

TEST(Selection, AForcedBackendWithoutADeviceNamesTheOnesThatHaveOne) {
  auto devices = choose_devices({gpu("vulkan0", "Vulkan", "Card", 8 * GiB), cpu()}, {.backend = "rocm"});
  ASSERT_FALSE(devices);
  EXPECT_EQ(devices.error().code, ErrorCode::not_found);
  EXPECT_EQ(devices.error().message,
            "no device for the backend \"rocm\" on this machine; backends with one: Vulkan, CPU");
}

}  // namespace
}  // namespace exogpu::gpu
