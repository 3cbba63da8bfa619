#include "telemetry/sampler.h"

#include <gtest/gtest.h>

#include <thread>

#include "gpu/sensors/fake_sysfs.h"
#include "telemetry/machine_source.h"

namespace exogpu::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Metric;

TEST(Sampler, SamplesAgainAndAgainOnItsOwnThread) {
  Mutex mutex;
  CondVar more;
  std::vector<std::pair<Time, std::thread::id>> samples;
  {
    Sampler sampler([](Time now) { return Sample{.at = now}; },
                    [&](const Sample& sample) {
                      const MutexLock lock(mutex);
                      samples.emplace_back(sample.at, std::this_thread::get_id());
                      more.notify_all();
                    },
                    milliseconds(5));
    MutexLock lock(mutex);
    const auto until = Clock::now() + seconds(60);
    while (samples.size() < 5 && Clock::now() < until) more.wait_until(lock, until);
  }
  ASSERT_GE(samples.size(), 5U);
  for (size_t i = 1; i < samples.size(); ++i) {
    EXPECT_GT(samples[i].first, samples[i - 1].first);
    EXPECT_EQ(samples[i].second, samples[0].second);
  }
  EXPECT_NE(samples[0].second, std::this_thread::get_id());
  EXPECT_GE(samples[4].first - samples[0].first, milliseconds(20) - milliseconds(5)) << "not all at once";
}

TEST(Sampler, EndsAtOnce) {
  const Time begun = Clock::now();
  {
    const Sampler sampler([](Time now) { return Sample{.at = now}; }, [](const Sample&) {}, seconds(600));
  }
  EXPECT_LT(Clock::now() - begun, seconds(300));
}

std::optional<gpu::NvmlFunctions> no_nvml() { return std::nullopt; }

MachineOptions laptop(const gpu::FakeSysfs& tree) {
  gpu::DeviceInfo cpu = gpu::fake_device(gpu::DeviceKind::cpu, "", "CPU");
  cpu.id = "cpu";
  cpu.name = "A processor";
  gpu::DeviceInfo card = gpu::fake_device(gpu::DeviceKind::discrete, "AMD", "Vulkan", "0000:65:00.0");
  card.id = "vulkan0";
  card.name = "A card";
  return {.name = "laptop",
          .devices = {cpu, card},
          .cache = tree.root(),
          .sources = {.root = tree.root(), .load_nvml = no_nvml, .remember = seconds(60)}};
}

void add_sensors(const gpu::FakeSysfs& tree) {
  tree.write("proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\n");
  tree.write("proc/meminfo", "MemTotal: 16384 kB\nMemAvailable: 6144 kB\n");
  tree.write("sys/class/power_supply/AC/type", "Mains\n");
  tree.write("sys/class/power_supply/AC/online", "0\n");
  tree.write("sys/class/power_supply/BAT0/type", "Battery\n");
  tree.write("sys/class/power_supply/BAT0/capacity", "17\n");
  tree.write("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n");
  tree.write("sys/class/thermal/thermal_zone0/temp", "61000\n");
  const std::string card = "sys/bus/pci/devices/0000:65:00.0";
  tree.write(card + "/gpu_busy_percent", "37\n");
  tree.write(card + "/mem_info_vram_used", "1000000000\n");
  tree.write(card + "/mem_info_vram_total", "8000000000\n");
  tree.write(card + "/hwmon/hwmon3/name", "amdgpu\n");
  tree.write(card + "/hwmon/hwmon3/temp1_input", "71000\n");
  tree.write(card + "/hwmon/hwmon3/temp1_crit", "100000\n");
}

TEST(MachineSource, ReadsTheMachineAndItsDevices) {
  const gpu::FakeSysfs tree;
  add_sensors(tree);
  MachineSource source(laptop(tree));
  const Time start{seconds(1000)};
  source.read(start);
  tree.write("proc/stat", "cpu  190 0 100 810 0 0 0 0 0 0\n");
  const Sample sample = source.read(start + seconds(1));
  ASSERT_EQ(sample.subjects.size(), 3U);
  ASSERT_EQ(sample.values.size(), 3U);
  const wire::MetricValues &machine = sample.values[0], &cpu = sample.values[1], &card = sample.values[2];
  EXPECT_EQ(sample.subjects[0].id, "machine");
  EXPECT_DOUBLE_EQ(machine[Metric::utilization].value(), 0.9);
  EXPECT_DOUBLE_EQ(machine[Metric::charge].value(), 0.17);
  EXPECT_DOUBLE_EQ(machine[Metric::on_battery].value(), 1);
  EXPECT_DOUBLE_EQ(machine[Metric::memory_total_bytes].value(), 16384.0 * 1024);
  EXPECT_GT(machine[Metric::cache_free_bytes].value_or(0), 0);
  EXPECT_EQ(sample.subjects[1].kind, wire::SubjectKind::cpu);
  EXPECT_DOUBLE_EQ(cpu[Metric::temperature_c].value(), 61);
  EXPECT_EQ(cpu[Metric::power_w], std::nullopt);
  EXPECT_DOUBLE_EQ(card[Metric::utilization].value(), 0.37);
  EXPECT_DOUBLE_EQ(card[Metric::memory_total_bytes].value(), 8e9);
  EXPECT_EQ(sample.subjects[2].temperature_limit_c, 100.0);
  EXPECT_EQ(sample.subjects[2].metrics, (std::vector{Metric::memory_used_bytes, Metric::memory_total_bytes,
                                                     Metric::utilization, Metric::temperature_c}));
  EXPECT_EQ(card[Metric::throttling], std::nullopt) << "nothing says whether it does";
}

TEST(MachineSource, AnEmptyTreeHasNothing) {
  const gpu::FakeSysfs tree;
  MachineOptions options = laptop(tree);
  options.cache.clear();
  MachineSource source(options);
  for (int i = 0; i < 2; ++i) {
    const Sample sample = source.read(Time(seconds(i)));
    for (const wire::MetricValues& values : sample.values) EXPECT_EQ(values, wire::MetricValues());
  }
}

TEST(MachineSource, ReadsThisMachine) {
  gpu::DeviceInfo cpu = gpu::fake_device(gpu::DeviceKind::cpu, "", "CPU");
  MachineSource source({.name = "here", .devices = {cpu}});
  const Sample sample = source.read(Clock::now());
  EXPECT_GT(sample.memory.memory.total, 0U);
  EXPECT_GT(sample.values.at(1)[Metric::memory_used_bytes].value_or(0), 0);
}

}  // namespace
}  // namespace exogpu::telemetry
