#include "telemetry/machine_source.h"

#include <algorithm>
#include <ctime>
#include <system_error>
#include <thread>
#include <utility>

namespace exogpu::telemetry {
namespace {

using wire::Metric;

wire::SubjectKind kind_of(gpu::DeviceKind kind) {
  switch (kind) {
    case gpu::DeviceKind::cpu: return wire::SubjectKind::cpu;
    case gpu::DeviceKind::integrated: return wire::SubjectKind::integrated;
    case gpu::DeviceKind::discrete: return wire::SubjectKind::discrete;
  }
  return wire::SubjectKind::cpu;
}

wire::MetricValues machine_values(const gpu::Readings& processors, const gpu::PowerSupply& supply,
                                  std::optional<double> fan, const std::filesystem::path& cache) {
  wire::MetricValues values;
  const wire::MetricValues read = values_of(processors);
  for (const Metric metric : {Metric::utilization, Metric::memory_used_bytes, Metric::memory_total_bytes}) {
    values[metric] = read[metric];
  }
  values[Metric::fan] = fan;
  values[Metric::charge] = supply.charge;
  if (supply.on_mains) values[Metric::on_battery] = *supply.on_mains ? 0 : 1;
  if (cache.empty()) return values;
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(cache, error);
  if (!error) values[Metric::cache_free_bytes] = static_cast<double>(space.available);
  return values;
}

}  // namespace

MachineSource::MachineSource(MachineOptions options)
    : options_(std::move(options)),
      sensors_(options_.sources),
      hardware_threads_(std::max(1U, std::thread::hardware_concurrency())) {
  subjects_.push_back({.id = "machine", .name = options_.name});
  for (const gpu::DeviceInfo& device : options_.devices) {
    subjects_.push_back(
        {.id = device.id, .name = device.name, .kind = kind_of(device.kind), .backend = device.backend});
  }
}

double MachineSource::own_load(Time now) {
  const double used_s = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  const double passed_s = std::chrono::duration<double>(now - own_at_).count() * hardware_threads_;
  const double share = own_s_ && passed_s > 0 ? (used_s - *own_s_) / passed_s : 0;
  own_s_ = used_s;
  own_at_ = now;
  return std::clamp(share, 0.0, 1.0);
}

gpu::Readings MachineSource::read_device(const gpu::DeviceInfo& device, const Sample& sample) {
  return device.kind == gpu::DeviceKind::cpu ? sample.processors : sensors_.read(device, sample.at);
}

// Capabilities only grow: a value that is absent once comes again.
void MachineSource::remember_metrics(Sample& sample) {
  for (size_t i = 0; i < subjects_.size(); ++i) {
    wire::TelemetrySubject& subject = subjects_[i];
    for (size_t number = 0; number < wire::kMetrics; ++number) {
      const auto metric = static_cast<Metric>(number);
      if (sample.values[i][metric] && std::ranges::find(subject.metrics, metric) == subject.metrics.end()) {
        subject.metrics.push_back(metric);
      }
    }
    if (i > 0 && sample.devices[i - 1].limit_c) subject.temperature_limit_c = sample.devices[i - 1].limit_c;
  }
  sample.subjects = subjects_;
}

Sample MachineSource::read(Time now) {
  Sample sample{.at = now};
  sample.memory = gpu::read_memory(options_.sources.root);
  gpu::DeviceInfo processors;
  processors.kind = gpu::DeviceKind::cpu;
  sample.processors = sensors_.read(processors, now, sample.memory.memory);
  sample.processors_own = own_load(now);
  sample.supply = sensors_.read_power_supply(now);
  sample.values.push_back(machine_values(sample.processors, sample.supply, sensors_.read_fan(now), options_.cache));
  for (const gpu::DeviceInfo& device : options_.devices) {
    sample.devices.push_back(read_device(device, sample));
    sample.values.push_back(values_of(sample.devices.back()));
  }
  remember_metrics(sample);
  return sample;
}

}  // namespace exogpu::telemetry
