#include "capi/context.h"

#include <cstdlib>
#include <format>

#include "capi/error.h"
#include "capi/structs.h"
#include "gpu/layouts/book.h"
#include "gpu/layouts/child.h"
#include "gpu/profile/cache.h"

namespace exogpu::capi {
namespace {

// The book of the user's `exogpu`, whose checks that program makes.
std::shared_ptr<gpu::LayoutBook> layouts_of(const std::string& program) {
  const auto profiles = gpu::profile_cache_file(std::getenv("XDG_CACHE_HOME"), std::getenv("HOME"));
  gpu::CheckProgram checks{.command = {program, "layout-check"}};
  return std::make_shared<gpu::LayoutBook>(
      profiles.empty() ? profiles : profiles.parent_path() / "layouts.json",
      [checks = std::move(checks)](const gpu::Device& device, std::span<const gpu::LayoutCase> cases) {
        return gpu::check_in_processes(checks, device, cases);
      });
}

Result<gpu::DiscoverOptions> discover_options(const exogpu_context_options* given) {
  gpu::DiscoverOptions options;
  if (given == nullptr) return options;
  EXO_TRY(const auto read, read_struct(given, exogpu_context_options{}, "exogpu_context_options"));
  if (read.backend != nullptr) options.backend = read.backend;
  options.software = read.software != 0;
  options.cpu_only = read.cpu_only != 0;
  options.backends = or_empty(read.backends);
  if (read.program != nullptr) options.layouts = layouts_of(read.program);
  return options;
}

Result<uint64_t> open_context(const gpu::DiscoverOptions& options) {
  EXO_TRY(gpu::Machine machine, gpu::Machine::discover(options));
  EXO_TRY(const ContextNumber number, handles().open_context());
  const auto core = std::make_shared<Core>(std::move(machine));
  const auto context = std::make_shared<ContextObject>(core);
  // First, so that it is the last to end.
  EXO_TRY(const uint64_t handle, handles().add(number, context));
  std::vector<uint64_t> devices;
  for (const gpu::Device& device : core->machine.devices()) {
    EXO_TRY(const uint64_t added, handles().add(number, std::make_shared<DeviceObject>(core, device)));
    devices.push_back(added);
  }
  context->set_devices(std::move(devices));
  return handle;
}

void close_context(ContextNumber number) {
  const std::vector<std::shared_ptr<Object>> objects = handles().close_context(number);
  for (const auto& object : objects) object->cancel();
  for (const auto& object : objects) object->shut_down();
}

}  // namespace

Result<std::shared_ptr<gpu::DeviceMemory>> DeviceObject::memory() {
  const MutexLock lock(mutex_);
  if (!memory_) {
    EXO_TRY(memory_, gpu::DeviceMemory::open(*device_));
  }
  return memory_;
}

}  // namespace exogpu::capi

using namespace exogpu;
using namespace exogpu::capi;

extern "C" {

exogpu_code exogpu_context_open(const exogpu_context_options* options, exogpu_context* context) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(context, "context"));
    EXO_TRY(const gpu::DiscoverOptions discover, discover_options(options));
    watch_forks();
    EXO_TRY(context->id, open_context(discover));
    return {};
  });
}

exogpu_code exogpu_context_close(exogpu_context context) {
  return call([&]() -> Result<void> {
    EXO_CHECK(refuse_in_callback("exogpu_context_close"));
    EXO_TRY(const auto object, handles().find<ContextObject>(context.id));
    close_context(context_of(context.id));
    return {};
  });
}

exogpu_code exogpu_device_list(exogpu_context context, exogpu_device* devices, size_t capacity, size_t* count) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(count, "count"));
    if (capacity > 0) EXO_CHECK(need(devices, "devices"));
    EXO_TRY(const auto object, handles().find<ContextObject>(context.id));
    const auto& all = object->devices();
    for (size_t i = 0; i < std::min(capacity, all.size()); ++i) devices[i].id = all[i];
    *count = all.size();
    return {};
  });
}

exogpu_code exogpu_device_find(exogpu_context context, const char* id, exogpu_device* device) {
  return call([&]() -> Result<void> {
    EXO_CHECK(need(id, "id"));
    EXO_CHECK(need(device, "device"));
    EXO_TRY(const auto object, handles().find<ContextObject>(context.id));
    const gpu::Machine& machine = object->core()->machine;
    EXO_TRY(const gpu::Device* found, machine.find(id));
    device->id = object->devices()[static_cast<size_t>(found - machine.devices().data())];
    return {};
  });
}
}
