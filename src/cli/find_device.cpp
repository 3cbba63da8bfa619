#include "cli/find_device.h"

#include <algorithm>

#include "cli/layout_book.h"
#include "wire/device_group.h"

namespace exogpu::cli {

Result<FoundDevice> find_device(std::string_view name) {
  EXO_TRY(FoundDevices found, find_devices(name));
  if (found.devices.size() > 1)
    return fail(ErrorCode::invalid_argument, "\"{}\" names several devices; name one", name);
  return FoundDevice{.machine = std::move(found.machine), .device = found.devices.front()};
}

Result<FoundDevices> find_devices(std::string_view names) {
  const std::vector<std::string_view> each = wire::group_members(names);
  gpu::DiscoverOptions options;
  options.layouts = layout_book();
  options.cpu_only = !names.empty() && std::ranges::all_of(each, [](std::string_view name) { return name == "cpu"; });
  options.software = !names.empty() && !options.cpu_only;
  EXO_TRY(gpu::Machine machine, gpu::Machine::discover(options));
  FoundDevices found;
  found.machine = std::make_unique<gpu::Machine>(std::move(machine));
  if (names.empty()) found.devices.push_back(&found.machine->devices().front());
  for (const std::string_view name : each) {
    if (names.empty()) break;
    EXO_TRY(const gpu::Device* device, found.machine->find(name));
    found.devices.push_back(device);
  }
  return found;
}

}  // namespace exogpu::cli
