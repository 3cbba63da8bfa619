// The devices of this machine that can run a model: GPUs and the CPU, behind one interface over ggml's backends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

struct ggml_backend_device;

namespace exogpu::gpu {

enum class DeviceKind { discrete, integrated, cpu };
std::string_view to_string(DeviceKind kind);

// What the device computes in, as far as its backend reports. Absent means "not known", never "no".
struct Precisions {
  bool f32 = true;
  std::optional<bool> f16, bf16, int8_dot, matrix_cores;
};

struct DeviceInfo {
  std::string id;      // stable on this machine and short to type: "cpu", "vulkan0", "cuda1"
  std::string name;    // "NVIDIA H200"
  std::string vendor;  // "NVIDIA"; empty when unknown
  DeviceKind kind = DeviceKind::cpu;
  bool software = false;       // a GPU interface rendered by the CPU, such as llvmpipe
  std::string backend;         // "CPU", "Vulkan", "CUDA", "ROCm", "Metal"
  std::string driver_version;  // of the CPU: the variant of ggml's kernels; empty when unknown; likewise below
  std::string api_version;
  uint32_t compute_units = 0;  // GPU compute units or CPU cores; 0 when unknown
  // Of a CPU: its fast cores, where it has cores of several kinds, else all; and its hardware threads. 0 of a GPU.
  uint32_t performance_cores = 0;
  uint32_t hardware_threads = 0;
  Precisions precisions;
  std::string pci_address;  // "0000:65:00.0"
  std::string uuid;
};

struct MemoryInfo {
  Bytes total = 0;
  Bytes free = 0;
};

class LayoutBook;

// One device. Cheap to keep; the machine it came from must outlive it.
class Device {
 public:
  Device(DeviceInfo info, ggml_backend_device* handle) : info_(std::move(info)), handle_(handle) {}
  const DeviceInfo& info() const { return info_; }
  // Asked of the driver on every call. Of a device in the host's memory, less what is left to other programs.
  MemoryInfo memory() const;
  ggml_backend_device* handle() const { return handle_; }
  // What is known of its layouts of weights; null where nothing is to be checked.
  const std::shared_ptr<LayoutBook>& layouts() const { return layouts_; }
  void set_layouts(std::shared_ptr<LayoutBook> layouts) { layouts_ = std::move(layouts); }

 private:
  DeviceInfo info_;
  ggml_backend_device* handle_;
  std::shared_ptr<LayoutBook> layouts_;
};

struct DiscoverOptions {
  std::optional<std::string> backend;  // only this one ("vulkan", "cpu", ...; any case), instead of the priority chain
  bool software = false;               // also GPUs rendered by the CPU
  // Not even look for GPUs through Vulkan: its drivers cost time and memory. Holds for the whole process when it is the
  // first discovery.
  bool cpu_only = false;
  std::shared_ptr<LayoutBook> layouts{};  // of all devices found but software renderers
  std::string backends{};  // the folder of ggml's backends; empty: where ggml looks. Of the first discovery alone
};

// All devices of this machine, best first, the CPU always last. One physical GPU that two backends report is listed
// once.
class Machine {
 public:
  // Loads ggml's backends (once per process). No GPU is no error.
  // Errors: not_found when a forced backend has no device here; names the ones that have.
  static Result<Machine> discover(const DiscoverOptions& options = {});
  std::span<const Device> devices() const { return devices_; }
  // By id, by the start of one that is unambiguous ("vulkan"), or "gpu" for the best GPU that is no software renderer.
  // Errors: not_found, invalid_argument (several); both name the devices that are no software renderers.
  Result<const Device*> find(std::string_view id) const;

 private:
  std::vector<Device> devices_;
};

}  // namespace exogpu::gpu
