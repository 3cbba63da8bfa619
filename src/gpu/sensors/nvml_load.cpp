#include <type_traits>

#include "gpu/dynamic_library.h"
#include "gpu/sensors/nvml.h"

namespace exogpu::gpu {

std::optional<NvmlFunctions> load_nvml() {
#ifdef _WIN32
  const DynamicLibrary library("nvml.dll");
#else
  const DynamicLibrary library("libnvidia-ml.so.1");
#endif
  if (!library) return std::nullopt;
  NvmlFunctions functions;
  const auto load = [&](auto& function, const char* name) {
    function = library.function<std::remove_reference_t<decltype(function)>>(name);
  };
  load(functions.init, "nvmlInit_v2");
  load(functions.device_by_pci_address, "nvmlDeviceGetHandleByPciBusId_v2");
  load(functions.device_by_uuid, "nvmlDeviceGetHandleByUUID");
  load(functions.temperature, "nvmlDeviceGetTemperature");
  load(functions.power_usage, "nvmlDeviceGetPowerUsage");
  load(functions.utilization, "nvmlDeviceGetUtilizationRates");
  load(functions.memory, "nvmlDeviceGetMemoryInfo");
  load(functions.temperature_threshold, "nvmlDeviceGetTemperatureThreshold");
  load(functions.throttle_reasons, "nvmlDeviceGetCurrentClocksThrottleReasons");
  load(functions.clock, "nvmlDeviceGetClockInfo");
  load(functions.max_clock, "nvmlDeviceGetMaxClockInfo");
  load(functions.fan_speed, "nvmlDeviceGetFanSpeed");
  return functions;
}

}  // namespace exogpu::gpu
