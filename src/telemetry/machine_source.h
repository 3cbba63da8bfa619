// Reads all sensors of this machine at once.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gpu/device.h"
#include "gpu/sensors/sensor_reader.h"
#include "telemetry/sample.h"

namespace exogpu::telemetry {

struct MachineOptions {
  std::string name;  // of the machine, for people
  std::vector<gpu::DeviceInfo> devices{};
  std::filesystem::path cache{};  // the folder of weights, of whose disk the free space is read; empty: none
  gpu::SensorSources sources{.remember = std::chrono::seconds(60)};
};

// One thread at a time. Never fails: what cannot be read is absent.
class MachineSource {
 public:
  explicit MachineSource(MachineOptions options);
  Sample read(Time now);

 private:
  gpu::Readings read_device(const gpu::DeviceInfo& device, const Sample& sample);
  void remember_metrics(Sample& sample);
  double own_load(Time now);  // 0..1 of all processors, since the last call

  MachineOptions options_;
  gpu::SensorReader sensors_;
  uint32_t hardware_threads_;
  std::optional<double> own_s_;  // processor time of this process at own_at_
  Time own_at_{};
  std::vector<wire::TelemetrySubject> subjects_;
};

}  // namespace exogpu::telemetry
