#include <ggml-backend.h>

#include <format>
#include <mutex>

#include "gpu/cpu_variant.h"
#include "gpu/device.h"
#include "gpu/ggml_runtime.h"
#include "gpu/host.h"
#include "gpu/selection.h"
#include "gpu/text.h"
#include "gpu/vulkan_probe.h"

namespace exogpu::gpu {
namespace {

// Asked once: ggml, too, counts its devices only when it is loaded.
const VulkanProbe& vulkan() {
  static const VulkanProbe probe = probe_vulkan();
  return probe;
}

// The same name for a backend whatever its library calls itself.
std::string backend_label(std::string_view registry_name) {
  if (registry_name == "MTL") return "Metal";
  if (registry_name == "HIP") return "ROCm";
  return std::string(registry_name);
}

// "CUDA" with ggml's "CUDA1" -> "cuda1", "Metal" with "MTL0" -> "metal0", "CPU" -> "cpu"
std::string device_id(std::string_view backend, std::string_view ggml_name) {
  size_t digits = ggml_name.find_last_not_of("0123456789") + 1;
  return lower(backend) + std::string(ggml_name.substr(digits));
}

// ggml lists a feature of its CPU kernels when the kernels it chose for this processor were built with it.
Precisions cpu_precisions(ggml_backend_reg_t registry) {
  Precisions precisions;
  auto features = reinterpret_cast<ggml_backend_get_features_t>(
      ggml_backend_reg_get_proc_address(registry, "ggml_backend_get_features"));
  if (features == nullptr) return precisions;
  precisions = {.f32 = true, .f16 = false, .bf16 = false, .int8_dot = false, .matrix_cores = false};
  for (const ggml_backend_feature* feature = features(registry); feature->name != nullptr; ++feature) {
    std::string_view name = feature->name;
    if (std::string_view(feature->value) == "0") continue;
    if (name == "FP16_VA") precisions.f16 = true;
    if (name == "AVX512_BF16") precisions.bf16 = true;
    if (name == "AVX_VNNI" || name == "AVX512_VNNI" || name == "DOTPROD") precisions.int8_dot = true;
    if (name == "AMX_INT8" || name == "MATMUL_INT8" || name == "SME") precisions.matrix_cores = true;
  }
  return precisions;
}

void describe_cpu(DeviceInfo& info, ggml_backend_reg_t registry) {
  HostCpu cpu = read_host_cpu();
  if (!cpu.model.empty()) info.name = cpu.model;
  info.vendor = cpu.vendor;
  info.driver_version = cpu_variant();
  info.compute_units = cpu.physical_cores;
  info.performance_cores = cpu.performance_cores;
  info.hardware_threads = cpu.logical_cores;
  info.precisions = cpu_precisions(registry);
}

// Takes what the loader knows about ggml's device, which carries the loader's name and, mostly, its PCI address.
void describe_vulkan(DeviceInfo& info, std::vector<bool>& taken) {
  const std::vector<VulkanDevice>& known = vulkan().devices;
  for (size_t i = 0; i < known.size(); ++i) {
    const DeviceInfo& other = known[i].info;
    bool other_card = !info.pci_address.empty() && !other.pci_address.empty() && info.pci_address != other.pci_address;
    if (taken[i] || !known[i].usable || other.name != info.name || other_card) continue;
    taken[i] = true;
    std::string id = std::move(info.id);
    DeviceKind kind = info.kind;
    info = other;
    info.id = std::move(id);
    info.kind = kind;
    return;
  }
}

std::vector<Found> collect() {
  std::vector<Found> found;
  std::vector<bool> taken;  // of the loader's devices, which are asked for only where ggml shows one
  for (size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_dev_t handle = ggml_backend_dev_get(i);
    ggml_backend_reg_t registry = ggml_backend_dev_backend_reg(handle);
    ggml_backend_dev_props props = {};
    try {
      ggml_backend_dev_get_props(handle, &props);
    } catch (...) {
      continue;  // the driver cannot even describe it
    }
    Found device{.info = {}, .memory_total = props.memory_total, .handle = handle};
    DeviceInfo& info = device.info;
    switch (props.type) {
      case GGML_BACKEND_DEVICE_TYPE_CPU: info.kind = DeviceKind::cpu; break;
      case GGML_BACKEND_DEVICE_TYPE_GPU: info.kind = DeviceKind::discrete; break;
      case GGML_BACKEND_DEVICE_TYPE_IGPU: info.kind = DeviceKind::integrated; break;
      default: continue;  // helpers of the CPU (BLAS), and devices made of others
    }
    info.backend = backend_label(ggml_backend_reg_name(registry));
    if (info.backend == "RPC") continue;  // aborts the process when its peer disconnects
    info.id = device_id(info.backend, props.name);
    info.name = props.description;
    if (props.device_id != nullptr) info.pci_address = lower(props.device_id);
    if (info.kind == DeviceKind::cpu) describe_cpu(info, registry);
    if (info.backend == "Vulkan") {
      taken.resize(vulkan().devices.size(), false);
      describe_vulkan(info, taken);
    }
    found.push_back(std::move(device));
  }
  return found;
}

// Every usable device of the loader, the software ones included, in ggml's notation: "0,1".
std::string all_vulkan_devices() {
  std::string list;
  for (size_t i = 0; i < vulkan().devices.size(); ++i) {
    if (vulkan().devices[i].usable) list += std::format("{}{}", list.empty() ? "" : ",", i);
  }
  return list;
}

bool has_vulkan(bool software) {
  for (const VulkanDevice& device : vulkan().devices) {
    if (device.usable && device.info.software == software) return true;
  }
  return false;
}

}  // namespace

Result<Machine> Machine::discover(const DiscoverOptions& options) {
  bool vulkan_forced = options.backend && lower(*options.backend) == "vulkan";
  bool want_software = options.software || (vulkan_forced && !has_vulkan(false));
  EXO_CHECK(load_backends(want_software ? all_vulkan_devices() : "", !options.cpu_only, options.backends));

  std::vector<Found> found = collect();
  if (want_software && has_vulkan(true)) {
    bool shown = std::ranges::any_of(found, [](const Found& f) { return f.info.software; });
    if (!shown) {
      return fail(ErrorCode::failed_precondition,
                  "the Vulkan devices rendered by the CPU cannot be shown: GGML_VK_VISIBLE_DEVICES leaves them out, or "
                  "this process looked for devices without them before; ask for them the first time");
    }
  }
  auto chosen = choose_devices(std::move(found), options);
  if (!chosen) {
    Error error = std::move(chosen).error();
    if (vulkan_forced && !vulkan().problem.empty()) error.message += std::format(" ({})", vulkan().problem);
    return std::unexpected(std::move(error));
  }
  Machine machine;
  for (Found& device : *chosen) {
    Device& added = machine.devices_.emplace_back(std::move(device.info), device.handle);
    // A software renderer compiles each kernel for many seconds, and no plan uses one: it is checked only by request.
    if (!added.info().software) added.set_layouts(options.layouts);
  }
  return machine;
}

Result<const Device*> Machine::find(std::string_view id) const {
  std::string wanted_id = lower(id);
  std::vector<const Device*> matches;
  std::string known;  // as `exogpu devices` lists them
  for (const Device& device : devices_) {
    if (device.info().id == wanted_id) return &device;
    if (wanted_id == "gpu" && device.info().kind != DeviceKind::cpu && !device.info().software) return &device;
    if (!wanted_id.empty() && device.info().id.starts_with(wanted_id)) matches.push_back(&device);
    if (!device.info().software) known += (known.empty() ? "" : ", ") + device.info().id;
  }
  if (matches.size() == 1) return matches.front();
  if (matches.size() > 1) {
    return fail(ErrorCode::invalid_argument, "device \"{}\" names several devices; this machine has: {}", id, known);
  }
  if (wanted_id == "gpu") {
    return fail(ErrorCode::not_found, "this machine has no GPU that can be used; it has: {}", known);
  }
  return fail(ErrorCode::not_found, "no device \"{}\" on this machine; it has: {}", id, known);
}

}  // namespace exogpu::gpu
