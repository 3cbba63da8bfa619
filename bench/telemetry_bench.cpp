// The cost of sampling: processor time of a sample of a made-up machine with 128 processors and 8 GPUs, as a share of a
// core at two samples a second.
#include <ctime>
#include <filesystem>
#include <format>
#include <print>
#include <string>

#include "gpu/sensors/fake_sysfs.h"
#include "telemetry/machine_source.h"

namespace {

using namespace exogpu;

int fake_gpu = 0;

gpu::NvmlDevice* device_of(const char*) { return reinterpret_cast<gpu::NvmlDevice*>(&fake_gpu); }

template <typename T>
int answer(T value, T* out) {
  *out = value;
  return 0;
}

std::optional<gpu::NvmlFunctions> fake_nvml() {
  using D = gpu::NvmlDevice;
  return gpu::NvmlFunctions{
      .init = [] { return 0; },
      .device_by_pci_address = [](const char* address, D** out) { return answer(device_of(address), out); },
      .device_by_uuid = [](const char* uuid, D** out) { return answer(device_of(uuid), out); },
      .temperature = [](D*, int, unsigned* out) { return answer(60U, out); },
      .power_usage = [](D*, unsigned* out) { return answer(400'000U, out); },
      .utilization = [](D*, gpu::NvmlUtilization* out) { return answer({.gpu = 90, .memory = 40}, out); },
      .memory = [](D*, gpu::NvmlMemory* out) { return answer({.total = 80, .free = 40, .used = 40}, out); },
      .temperature_threshold = [](D*, int, unsigned* out) { return answer(95U, out); },
      .throttle_reasons = [](D*, unsigned long long* out) { return answer(4ULL, out); },
      .clock = [](D*, int, unsigned* out) { return answer(1900U, out); },
      .max_clock = [](D*, int, unsigned* out) { return answer(1980U, out); },
      .fan_speed = [](D*, unsigned* out) { return answer(50U, out); }};
}

void add_machine(const gpu::FakeSysfs& tree, int processors, int gpus) {
  tree.write("proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\n");
  tree.write("proc/meminfo", "MemTotal: 1048576 kB\nMemAvailable: 614400 kB\n");
  for (int i = 0; i < processors; ++i) {
    const std::string policy = std::format("sys/devices/system/cpu/cpufreq/policy{}", i);
    tree.write(policy + "/scaling_cur_freq", "3100000\n");
    tree.write(policy + "/cpuinfo_max_freq", "3700000\n");
    const std::string core = std::format("sys/devices/system/cpu/cpu{}/thermal_throttle", i);
    tree.write(core + "/core_throttle_count", "0\n");
    tree.write(core + "/package_throttle_count", "0\n");
  }
  for (int i = 0; i < gpus; ++i) {
    const std::string card = std::format("sys/bus/pci/devices/0000:{:02x}:00.0", i + 16);
    tree.write(card + "/power/runtime_status", "active\n");
    if (i % 2 != 0) continue;  // NVIDIA's have no files
    tree.write(card + "/gpu_busy_percent", "90\n");
    tree.write(card + "/mem_info_vram_used", "40000000000\n");
    tree.write(card + "/mem_info_vram_total", "80000000000\n");
    const std::string hwmon = std::format("{}/hwmon/hwmon{}", card, i);
    tree.write(hwmon + "/name", "amdgpu\n");
    tree.write(hwmon + "/temp1_input", "71000\n");
    tree.write(hwmon + "/power1_average", "400000000\n");
    tree.write(hwmon + "/freq1_input", "1900000000\n");
    tree.write(hwmon + "/pwm1", "120\n");
  }
}

double processor_s() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

int main() {
  constexpr int kProcessors = 128, kGpus = 8, kSamples = 240;  // of two minutes
  const gpu::FakeSysfs tree;
  add_machine(tree, kProcessors, kGpus);
  telemetry::MachineOptions options{
      .name = "bench",
      .cache = tree.root(),
      .sources = {.root = tree.root(), .load_nvml = fake_nvml, .remember = std::chrono::seconds(60)}};
  gpu::DeviceInfo cpu = gpu::fake_device(gpu::DeviceKind::cpu, "", "CPU");
  cpu.id = "cpu";
  options.devices.push_back(cpu);
  for (int i = 0; i < kGpus; ++i) {
    const bool nvidia = i % 2 != 0;
    gpu::DeviceInfo device = gpu::fake_device(gpu::DeviceKind::discrete, nvidia ? "NVIDIA" : "AMD",
                                              nvidia ? "CUDA" : "Vulkan", std::format("0000:{:02x}:00.0", i + 16));
    device.id = std::format("gpu{}", i);
    options.devices.push_back(device);
  }
  telemetry::MachineSource source(options);
  telemetry::Time now = telemetry::Clock::now();
  const double before = processor_s();
  size_t values = 0;
  for (int i = 0; i < kSamples; ++i) {
    const telemetry::Sample sample = source.read(now += telemetry::kSampleEvery);
    for (const auto& subject : sample.values) values += subject[wire::Metric::temperature_c].has_value() ? 1 : 0;
  }
  const double each_s = (processor_s() - before) / kSamples;
  std::println(
      "{} processors and {} GPUs: {:.2f} ms of processor time for a sample, {:.2f} % of a core ({} temperatures)",
      kProcessors, kGpus, each_s * 1e3, each_s / 0.5 * 100, values);
  return values > 0 ? 0 : 1;
}
