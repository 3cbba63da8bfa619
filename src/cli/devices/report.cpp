#include "cli/devices/report.h"

#include <algorithm>
#include <chrono>
#include <format>
#include <map>

#include "base/units.h"
#include "cli/rates.h"
#include "cli/readings.h"
#include "cli/table.h"

namespace exogpu::cli {
namespace {

std::string precisions_text(const gpu::Precisions& precisions) {
  std::string text = precisions.f32 ? "f32" : "";
  auto add = [&](const std::optional<bool>& has, std::string_view name) {
    if (has.value_or(false)) text += (text.empty() ? "" : " ") + std::string(name);
  };
  add(precisions.f16, "f16");
  add(precisions.bf16, "bf16");
  add(precisions.int8_dot, "int8");
  add(precisions.matrix_cores, "matrix");
  return text;
}

// Examples: "132", "8, 16 threads", "8 performance, 16 efficiency, 32 threads"; empty when unknown.
std::string cores_text(const gpu::DeviceInfo& info) {
  if (info.compute_units == 0) return {};
  std::string text = std::to_string(info.compute_units);
  if (info.performance_cores > 0 && info.performance_cores < info.compute_units) {
    text = std::format("{} performance, {} efficiency", info.performance_cores,
                       info.compute_units - info.performance_cores);
  }
  if (info.hardware_threads > info.compute_units) text += std::format(", {} threads", info.hardware_threads);
  return text;
}

std::string devices_table(const std::vector<DeviceReport>& devices) {
  Rows rows = {{"ID", "NAME", "KIND", "BACKEND", "MEMORY FREE", "OF", "CORES", "COMPUTES IN", "NOW", "PCI", "DRIVER"}};
  for (const DeviceReport& device : devices) {
    const gpu::DeviceInfo& info = device.info;
    rows.push_back({info.id, info.name, info.software ? "software" : std::string(gpu::to_string(info.kind)),
                    info.backend, format_bytes(device.memory.free), format_bytes(device.memory.total), cores_text(info),
                    precisions_text(info.precisions), readings_text(device.readings), info.pci_address,
                    info.driver_version});
  }
  return format_table(rows);
}

// One row for each type of weights; the first row also has the values of the whole device.
void add_rows(Rows& rows, const std::string& id, const gpu::CachedProfile& cached) {
  const gpu::Profile& profile = cached.profile;
  for (size_t i = 0; i < profile.products.size(); ++i) {
    const gpu::ProductRates& rates = profile.products[i];
    std::vector<std::string> row = {"", "", rates.type, rate_text(rates.matvec_bytes_per_s, "B/s"),
                                    rates.matmul_flops_per_s > 0 ? rate_text(rates.matmul_flops_per_s, "FLOP/s") : "?"};
    if (i == 0) {
      row[0] = id;
      if (profile.threads > 0) row[1] = std::to_string(profile.threads);
      row.push_back(profile.memory_bytes_per_s() > 0 ? rate_text(profile.memory_bytes_per_s(), "B/s") : "?");
      row.push_back(rate_text(profile.host_to_device_bytes_per_s, "B/s"));
      row.push_back(rate_text(profile.device_to_host_bytes_per_s, "B/s"));
      row.push_back(std::format("{:.1f} us", profile.graph_overhead_s * 1e6));
      row.push_back(cached.measured ? std::format("now, in {:.1f} s", profile.took_s)
                                    : std::format("{:%F}", profile.measured_at));
    }
    rows.push_back(std::move(row));
  }
}

std::string profiles_table(const std::vector<DeviceReport>& devices) {
  Rows rows = {{"ID", "THREADS", "WEIGHTS", "ONE TOKEN READS", "MANY TOKENS COMPUTE", "MEMORY", "TO DEVICE",
                "FROM DEVICE", "PER GRAPH", "MEASURED"}};
  for (const DeviceReport& device : devices) {
    if (device.profile && *device.profile) add_rows(rows, device.info.id, **device.profile);
  }
  return rows.size() > 1 ? "\n" + format_table(rows) : "";
}

// A line for each type that a device converts others to, and one for those that it cannot have. A use is named only of
// a type that the device computes with as a matrix.
std::string limits_text(const DevicesReport& report) {
  std::string text;
  for (const DeviceReport& device : report.devices) {
    std::map<std::string, std::string> lists;  // by the type to which they are converted
    for (const wire::TypeLimit& limit : device.limits) {
      const bool as_matrix = std::ranges::any_of(device.limits, [&](const wire::TypeLimit& other) {
        return other.type == limit.type && other.use == "matrix";
      });
      if (as_matrix && limit.use != "matrix") continue;
      std::string& list = lists[limit.held_as];
      list += (list.empty() ? "" : ", ") + limit.type + (as_matrix ? "" : " (" + limit.use + ")");
    }
    for (const auto& [held_as, types] : lists)
      text += held_as.empty() ? std::format("{} cannot have weights of {}\n", device.info.id, types)
                              : std::format("{} converts weights of {} to {}\n", device.info.id, types, held_as);
  }
  return text.empty() ? text : "\n" + text;
}

std::vector<DeviceLayouts> layouts_of(const DevicesReport& report) {
  std::vector<DeviceLayouts> layouts;
  for (const DeviceReport& device : report.devices)
    if (device.profile) layouts.push_back({.device = device.info.id, .known = device.layouts});
  return layouts;
}

}  // namespace

std::string as_text(const DevicesReport& report) {
  std::string text = devices_table(report.devices);
  const std::string power = power_supply_text(report.supply);
  if (!power.empty()) text += "power: " + power + "\n";
  const std::string layouts = layouts_table(layouts_of(report));
  return text + profiles_table(report.devices) + (layouts.empty() ? "" : "\n" + layouts) + limits_text(report);
}

std::vector<std::string> problems(const DevicesReport& report) {
  std::vector<std::string> lines;
  for (const DeviceReport& device : report.devices) {
    if (!device.profile) continue;
    const std::string& line = *device.profile ? (*device.profile)->note : device.profile->error().message;
    // A file that cannot be read adds the same note to each device.
    if (!line.empty() && std::ranges::find(lines, line) == lines.end()) lines.push_back(line);
  }
  for (std::string& line : layouts_not_used(layouts_of(report))) lines.push_back(std::move(line));
  return lines;
}

}  // namespace exogpu::cli
