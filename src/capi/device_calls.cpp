// exogpu_device_*: what a device is, and how it does.
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "capi/context.h"
#include "capi/error.h"
#include "capi/structs.h"
#include "capi/ticket.h"
#include "telemetry/suitability.h"

namespace exogpu::capi {
namespace {

int32_t known(const std::optional<bool>& value) { return value ? (*value ? 1 : 0) : -1; }

double or_nan(const std::optional<double>& value) { return value.value_or(std::numeric_limits<double>::quiet_NaN()); }

// Of a GPU no driver says it in one form.
std::string architecture_of(const gpu::DeviceInfo& device) {
  if (device.kind != gpu::DeviceKind::cpu) return {};
#if defined(__x86_64__)
  const std::string processor = "x86_64";
#elif defined(__aarch64__)
  const std::string processor = "aarch64";
#else
  const std::string processor = "other";
#endif
  return device.driver_version.empty() ? processor : processor + " " + device.driver_version;
}

exogpu_device_info info_of(const gpu::Device& device) {
  const gpu::DeviceInfo& from = device.info();
  exogpu_device_info info{};
  info.kind = static_cast<uint32_t>(from.kind);
  info.software = from.software ? 1 : 0;
  info.compute_units = from.compute_units;
  info.f16 = known(from.precisions.f16);
  info.bf16 = known(from.precisions.bf16);
  info.int8_dot = known(from.precisions.int8_dot);
  info.matrix_cores = known(from.precisions.matrix_cores);
  info.memory_bytes = device.memory().total;
  write_text(info.id, from.id);
  write_text(info.name, from.name);
  write_text(info.vendor, from.vendor);
  write_text(info.architecture, architecture_of(from));
  write_text(info.backend, from.backend);
  write_text(info.driver, from.driver_version);
  write_text(info.pci_address, from.pci_address);
  write_text(info.uuid, from.uuid);
  return info;
}

std::string json_of(const gpu::Device& device) {
  const gpu::DeviceInfo& info = device.info();
  nlohmann::ordered_json precisions = {{"f32", info.precisions.f32}};
  const auto add = [&](const char* name, const std::optional<bool>& has) {
    if (has) precisions[name] = *has;
  };
  add("f16", info.precisions.f16);
  add("bf16", info.precisions.bf16);
  add("int8_dot", info.precisions.int8_dot);
  add("matrix_cores", info.precisions.matrix_cores);
  const nlohmann::ordered_json json = {{"id", info.id},
                                       {"name", info.name},
                                       {"vendor", info.vendor},
                                       {"architecture", architecture_of(info)},
                                       {"kind", gpu::to_string(info.kind)},
                                       {"software", info.software},
                                       {"backend", info.backend},
                                       {"driver", info.driver_version},
                                       {"api_version", info.api_version},
                                       {"memory_bytes", device.memory().total},
                                       {"compute_units", info.compute_units},
                                       {"performance_cores", info.performance_cores},
                                       {"hardware_threads", info.hardware_threads},
                                       {"precisions", std::move(precisions)},
                                       {"pci_address", info.pci_address},
                                       {"uuid", info.uuid}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

exogpu_readings readings_of(DeviceObject& device) {
  Core& core = device.core();
  const MutexLock lock(core.sensors_mutex);
  const gpu::Readings read = core.sensors.read(device.device().info());
  exogpu_readings out{};
  out.utilization = or_nan(read.utilization);
  out.temperature_c = or_nan(read.temperature_c);
  out.temperature_limit_c = or_nan(read.limit_c);
  out.power_w = or_nan(read.power_w);
  out.clock_share = or_nan(read.speed);
  out.memory_used_bytes = std::numeric_limits<double>::quiet_NaN();
  if (read.memory_used_bytes) out.memory_used_bytes = static_cast<double>(*read.memory_used_bytes);
  out.throttled = known(read.throttled);
  return out;
}

// Begins a ticket that is done when what was begun before on the device is.
Result<void> record_event(uint64_t handle, DeviceObject& device, exogpu_ticket* ticket) {
  EXO_TRY(auto memory, device.memory());
  return begin(
      context_of(handle), device.queue(),
      [memory = std::move(memory)](const std::stop_token&) -> Result<uint64_t> {
        EXO_CHECK(memory->synchronize());
        return 0;
      },
      ticket);
}

}  // namespace
}  // namespace exogpu::capi

using namespace exogpu;
using namespace exogpu::capi;

extern "C" {

exogpu_code exogpu_device_describe(exogpu_device device, exogpu_device_info* info) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<DeviceObject>(device.id));
    exogpu_device_info found = info_of(object->device());
    // Asked of an open device only: opening one takes memory.
    EXO_TRY(const auto memory, object->memory());
    found.asynchronous = memory->asynchronous() ? 1 : 0;
    return write_struct(info, found, "exogpu_device_info");
  });
}

exogpu_code exogpu_device_json(exogpu_device device, char** json) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(json, "json"));
    EXO_TRY(const auto object, handles().find<DeviceObject>(device.id));
    EXO_TRY(*json, text_for_caller(json_of(object->device())));
    return {};
  });
}

exogpu_code exogpu_device_memory(exogpu_device device, exogpu_memory_info* info) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<DeviceObject>(device.id));
    EXO_TRY(const auto memory, object->memory());
    const gpu::MemoryInfo now = memory->info();
    return write_struct(info,
                        exogpu_memory_info{.struct_size = 0,
                                           .total_bytes = now.total,
                                           .free_bytes = now.free,
                                           .allocated_bytes = memory->allocated(),
                                           .buffers = memory->allocation_count()},
                        "exogpu_memory_info");
  });
}

exogpu_code exogpu_device_read_sensors(exogpu_device device, exogpu_readings* readings) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<DeviceObject>(device.id));
    return write_struct(readings, readings_of(*object), "exogpu_readings");
  });
}

exogpu_code exogpu_device_suitability(const exogpu_readings* readings, uint64_t memory_total_bytes,
                                      double* suitability) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(suitability, "suitability"));
    EXO_TRY(const exogpu_readings own, read_struct(readings, exogpu_readings{}, "exogpu_readings"));
    wire::MetricValues values;
    const auto set = [&](wire::Metric metric, double value) {
      if (!std::isnan(value)) values[metric] = value;
    };
    set(wire::Metric::utilization, own.utilization);
    set(wire::Metric::temperature_c, own.temperature_c);
    set(wire::Metric::memory_used_bytes, own.memory_used_bytes);
    values[wire::Metric::memory_total_bytes] = static_cast<double>(memory_total_bytes);
    const auto found = telemetry::suitability(values);
    if (!found)
      return fail(ErrorCode::invalid_argument, "readings without memory_used_bytes, or a device without memory");
    *suitability = *found;
    return {};
  });
}

exogpu_code exogpu_device_record(exogpu_device device, exogpu_ticket* ticket) {
  return call([&]() -> Result<void> {
    EXO_TRY(const auto object, handles().find<DeviceObject>(device.id));
    return record_event(device.id, *object, ticket);
  });
}

exogpu_code exogpu_device_synchronize(exogpu_device device) {
  return call([&]() -> Result<void> {
    EXO_CHECK(refuse_in_callback("exogpu_device_synchronize"));
    EXO_TRY(const auto object, handles().find<DeviceObject>(device.id));
    exogpu_ticket event{};
    EXO_CHECK(record_event(device.id, *object, &event));
    EXO_TRY(const auto ticket, handles().take<Ticket>(event.id));
    const auto result = ticket->wait(-1);
    if (result && !*result) return std::unexpected(result->error());
    return {};
  });
}
}
