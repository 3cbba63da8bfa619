#include "gpu/vulkan_probe.h"

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

#include <cstring>
#include <format>
#include <set>

#include "gpu/dynamic_library.h"

namespace exogpu::gpu {
namespace {

#ifdef _WIN32
constexpr const char* kLoader = "vulkan-1.dll";
#elif defined(__APPLE__)
constexpr const char* kLoader = "libvulkan.1.dylib";
#else
constexpr const char* kLoader = "libvulkan.so.1";
#endif

// VK_KHR_shader_bfloat16, newer than the oldest Vulkan headers we build with.
struct BFloat16Features {
  VkStructureType sType = static_cast<VkStructureType>(1000141000);
  void* pNext = nullptr;
  VkBool32 shaderBFloat16Type = VK_FALSE;
  VkBool32 shaderBFloat16DotProduct = VK_FALSE;
  VkBool32 shaderBFloat16CooperativeMatrix = VK_FALSE;
};

struct Functions {
  PFN_vkEnumeratePhysicalDevices enumerate_devices = nullptr;
  PFN_vkEnumerateDeviceExtensionProperties enumerate_extensions = nullptr;
  PFN_vkGetPhysicalDeviceProperties2 properties = nullptr;
  PFN_vkGetPhysicalDeviceFeatures2 features = nullptr;
  PFN_vkGetPhysicalDeviceMemoryProperties memory = nullptr;

  bool complete() const {
    return enumerate_devices != nullptr && enumerate_extensions != nullptr && properties != nullptr &&
           features != nullptr && memory != nullptr;
  }
};

struct Instance {
  VkInstance handle = VK_NULL_HANDLE;  // null when there is no loader, or a problem
  Functions vk;
  std::string problem;
};

// A structure of Vulkan, zero but for its type.
template <typename T>
T make(VkStructureType type) {
  T structure = {};
  structure.sType = type;
  return structure;
}

// Chains structures for one query: link(a, b) makes the query fill both.
template <typename Head, typename Next>
void link(Head& head, Next& next) {
  next.pNext = head.pNext;
  head.pNext = &next;
}

std::string vendor_name(uint32_t id) {
  switch (id) {
    case 0x1002: return "AMD";
    case 0x1010: return "Imagination";
    case 0x10005: return "Mesa";
    case 0x106b: return "Apple";
    case 0x10de: return "NVIDIA";
    case 0x13b5: return "ARM";
    case 0x14e4: return "Broadcom";
    case 0x5143: return "Qualcomm";
    case 0x8086: return "Intel";
    default: return {};
  }
}

std::string version_text(uint32_t version) {
  return std::format("{}.{}.{}", VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version),
                     VK_API_VERSION_PATCH(version));
}

std::string uuid_text(const uint8_t (&uuid)[VK_UUID_SIZE]) {
  std::string text;
  for (size_t i = 0; i < VK_UUID_SIZE; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += std::format("{:02x}", uuid[i]);
  }
  return text;
}

// Fixed-size texts of Vulkan end at a zero, but a driver might forget it.
template <size_t N>
std::string text_of(const char (&text)[N]) {
  return std::string(text, strnlen(text, N));
}

std::set<std::string> extensions_of(const Functions& vk, VkPhysicalDevice device) {
  uint32_t count = 0;
  if (vk.enumerate_extensions(device, nullptr, &count, nullptr) != VK_SUCCESS) return {};
  std::vector<VkExtensionProperties> list(count);
  if (vk.enumerate_extensions(device, nullptr, &count, list.data()) < 0) return {};
  std::set<std::string> names;
  for (uint32_t i = 0; i < count && i < list.size(); ++i) names.insert(text_of(list[i].extensionName));
  return names;
}

void read_properties(const Functions& vk, VkPhysicalDevice device, const std::set<std::string>& extensions,
                     DeviceInfo& info) {
  auto base = make<VkPhysicalDeviceProperties2>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2);
  auto id = make<VkPhysicalDeviceIDProperties>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES);
  auto driver = make<VkPhysicalDeviceDriverProperties>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES);
  auto pci =
      make<VkPhysicalDevicePCIBusInfoPropertiesEXT>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PCI_BUS_INFO_PROPERTIES_EXT);
  auto sm = make<VkPhysicalDeviceShaderSMBuiltinsPropertiesNV>(
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV);
  auto amd =
      make<VkPhysicalDeviceShaderCorePropertiesAMD>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_AMD);
  auto arm = make<VkPhysicalDeviceShaderCoreBuiltinsPropertiesARM>(
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_BUILTINS_PROPERTIES_ARM);
  link(base, id);
  link(base, driver);
  if (extensions.contains(VK_EXT_PCI_BUS_INFO_EXTENSION_NAME)) link(base, pci);
  if (extensions.contains(VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME)) link(base, sm);
  if (extensions.contains(VK_AMD_SHADER_CORE_PROPERTIES_EXTENSION_NAME)) link(base, amd);
  if (extensions.contains(VK_ARM_SHADER_CORE_BUILTINS_EXTENSION_NAME)) link(base, arm);
  vk.properties(device, &base);

  const VkPhysicalDeviceProperties& main = base.properties;
  info.backend = "Vulkan";
  info.name = text_of(main.deviceName);
  info.vendor = vendor_name(main.vendorID);
  info.kind = main.deviceType == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU ? DeviceKind::integrated : DeviceKind::discrete;
  info.software = main.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
  info.api_version = version_text(main.apiVersion);
  info.uuid = uuid_text(id.deviceUUID);
  std::string name = text_of(driver.driverName);
  std::string version = text_of(driver.driverInfo);
  info.driver_version = name.empty() || version.empty() ? name + version : name + " " + version;
  if (pci.pciBus != 0 || pci.pciDevice != 0 || pci.pciDomain != 0) {
    info.pci_address =
        std::format("{:04x}:{:02x}:{:02x}.{:x}", pci.pciDomain, pci.pciBus, pci.pciDevice, pci.pciFunction);
  }
  info.compute_units = sm.shaderSMCount + arm.shaderCoreCount +
                       amd.shaderEngineCount * amd.shaderArraysPerEngineCount * amd.computeUnitsPerShaderArray;
}

// Returns whether the device has 16-bit storage.
bool read_features(const Functions& vk, VkPhysicalDevice device, const std::set<std::string>& extensions,
                   uint32_t api_version, DeviceInfo& info) {
  auto base = make<VkPhysicalDeviceFeatures2>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2);
  auto storage = make<VkPhysicalDevice16BitStorageFeatures>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES);
  auto f16 =
      make<VkPhysicalDeviceShaderFloat16Int8Features>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES);
  auto dot = make<VkPhysicalDeviceShaderIntegerDotProductFeatures>(
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES);
  auto matrix = make<VkPhysicalDeviceCooperativeMatrixFeaturesKHR>(
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR);
  BFloat16Features bf16;
  link(base, storage);
  if (api_version >= VK_API_VERSION_1_2 || extensions.contains(VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME)) {
    link(base, f16);
  }
  bool has_dot =
      api_version >= VK_API_VERSION_1_3 || extensions.contains(VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME);
  if (has_dot) link(base, dot);
  if (extensions.contains(VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME)) link(base, matrix);
  if (extensions.contains("VK_KHR_shader_bfloat16")) link(base, bf16);
  vk.features(device, &base);

  // The dot product of the shader language may be emulated; only the accelerated one counts.
  auto fast = make<VkPhysicalDeviceShaderIntegerDotProductProperties>(
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES);
  if (has_dot) {
    auto properties = make<VkPhysicalDeviceProperties2>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2);
    link(properties, fast);
    vk.properties(device, &properties);
  }
  info.precisions.f16 = f16.shaderFloat16 == VK_TRUE;
  info.precisions.bf16 = bf16.shaderBFloat16Type == VK_TRUE;
  info.precisions.int8_dot =
      dot.shaderIntegerDotProduct == VK_TRUE && fast.integerDotProduct4x8BitPackedSignedAccelerated == VK_TRUE;
  info.precisions.matrix_cores = matrix.cooperativeMatrix == VK_TRUE;
  return storage.storageBuffer16BitAccess == VK_TRUE;
}

VulkanDevice read_device(const Functions& vk, VkPhysicalDevice handle) {
  VulkanDevice device;
  std::set<std::string> extensions = extensions_of(vk, handle);
  auto base = make<VkPhysicalDeviceProperties2>(VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2);
  vk.properties(handle, &base);
  if (base.properties.apiVersion < VK_API_VERSION_1_2) return device;  // too old for ggml and for the queries below
  read_properties(vk, handle, extensions, device.info);
  device.usable = read_features(vk, handle, extensions, base.properties.apiVersion, device.info);
  VkPhysicalDeviceMemoryProperties memory = {};
  vk.memory(handle, &memory);
  for (uint32_t i = 0; i < memory.memoryHeapCount && i < VK_MAX_MEMORY_HEAPS; ++i) {
    bool local = (memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0;
    if (local) device.memory_total += memory.memoryHeaps[i].size;
  }
  return device;
}

// Fills `instance`; returns what is wrong, empty when nothing is.
std::string open_instance(const DynamicLibrary& loader, Instance& instance) {
  auto get = loader.function<PFN_vkGetInstanceProcAddr>("vkGetInstanceProcAddr");
  if (get == nullptr) return std::format("{} has no vkGetInstanceProcAddr", kLoader);
  auto create = reinterpret_cast<PFN_vkCreateInstance>(get(nullptr, "vkCreateInstance"));
  auto version = reinterpret_cast<PFN_vkEnumerateInstanceVersion>(get(nullptr, "vkEnumerateInstanceVersion"));
  uint32_t api_version = VK_API_VERSION_1_0;
  if (create == nullptr || version == nullptr || version(&api_version) != VK_SUCCESS ||
      api_version < VK_API_VERSION_1_2) {
    return std::format("the Vulkan loader speaks Vulkan {}, but 1.2 is needed", version_text(api_version));
  }
  auto application = make<VkApplicationInfo>(VK_STRUCTURE_TYPE_APPLICATION_INFO);
  application.apiVersion = VK_API_VERSION_1_2;
  auto wanted = make<VkInstanceCreateInfo>(VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO);
  wanted.pApplicationInfo = &application;
  VkResult created = create(&wanted, nullptr, &instance.handle);
  if (created != VK_SUCCESS) {
    instance.handle = VK_NULL_HANDLE;
    return std::format("vkCreateInstance failed with {}; is a driver installed and whole?", static_cast<int>(created));
  }
  auto load = [&]<typename Function>(Function& function, const char* name) {
    function = reinterpret_cast<Function>(get(instance.handle, name));
  };
  Functions& vk = instance.vk;
  load(vk.enumerate_devices, "vkEnumeratePhysicalDevices");
  load(vk.enumerate_extensions, "vkEnumerateDeviceExtensionProperties");
  load(vk.properties, "vkGetPhysicalDeviceProperties2");
  load(vk.features, "vkGetPhysicalDeviceFeatures2");
  load(vk.memory, "vkGetPhysicalDeviceMemoryProperties");
  return vk.complete() ? "" : "the Vulkan loader lacks functions of Vulkan 1.1";
}

// Opened once and never closed: with its last instance a driver is unloaded, which some do not survive cleanly, and the
// next instance, ggml's, would load it all over again.
const Instance& shared_instance() {
  static const Instance* shared = [] {
    auto* instance = new Instance;
    DynamicLibrary loader(kLoader);
    if (loader) instance->problem = open_instance(loader, *instance);
    return instance;
  }();
  return *shared;
}

}  // namespace

VulkanProbe probe_vulkan() {
  VulkanProbe probe;
  const Instance& instance = shared_instance();
  probe.problem = instance.problem;
  if (instance.handle == VK_NULL_HANDLE || !instance.problem.empty()) return probe;
  uint32_t count = 0;
  if (instance.vk.enumerate_devices(instance.handle, &count, nullptr) < 0) {
    probe.problem = "vkEnumeratePhysicalDevices failed; is a driver installed and whole?";
    return probe;
  }
  std::vector<VkPhysicalDevice> handles(count);
  if (instance.vk.enumerate_devices(instance.handle, &count, handles.data()) < 0) count = 0;
  for (uint32_t i = 0; i < count && i < handles.size(); ++i) {
    probe.devices.push_back(read_device(instance.vk, handles[i]));
  }
  return probe;
}

}  // namespace exogpu::gpu
