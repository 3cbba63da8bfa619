#include "cli/find_device.h"

#include "cli/layout_book.h"

namespace exogpu::cli {

Result<FoundDevice> find_device(std::string_view name) {
  gpu::DiscoverOptions options;
  options.layouts = layout_book();
  options.cpu_only = name == "cpu";
  options.software = !name.empty() && !options.cpu_only;
  EXO_TRY(gpu::Machine machine, gpu::Machine::discover(options));
  FoundDevice found;
  found.machine = std::make_unique<gpu::Machine>(std::move(machine));
  if (name.empty()) {
    found.device = &found.machine->devices().front();
  } else {
    EXO_TRY(found.device, found.machine->find(name));
  }
  return found;
}

}  // namespace exogpu::cli
