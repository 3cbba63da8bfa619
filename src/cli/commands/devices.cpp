// exogpu devices: lists this machine's devices.
#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>

#include "cli/arguments/checks.h"
#include "cli/command.h"
#include "cli/devices/report.h"
#include "cli/layout_book.h"
#include "cli/output.h"
#include "gpu/device.h"
#include "gpu/ggml_runtime.h"
#include "gpu/layouts/profile_options.h"
#include "gpu/profile/cache.h"
#include "gpu/sensors/sensor_reader.h"
#include "node/device_profiles.h"

namespace exogpu::cli {
namespace {

struct Options {
  std::string backend;
  bool software = false;
  bool json = false;
  bool verbose = false;
  bool profile = false;
  bool fresh = false;
  uint32_t threads = 0;
};

// Takes 0.2 s: utilization, and power of some devices, are measured over an interval.
DevicesReport look_at(const gpu::Machine& machine) {
  DevicesReport report;
  gpu::SensorReader sensors;
  for (const gpu::Device& device : machine.devices()) sensors.read(device.info());
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  for (const gpu::Device& device : machine.devices()) {
    report.devices.push_back({.info = device.info(),
                              .memory = device.memory(),
                              .readings = sensors.read(device.info()),
                              .profile = {},
                              .layouts = {},
                              .limits = node::limits_of(device)});
  }
  report.supply = sensors.read_power_supply();
  return report;
}

void add_profiles(DevicesReport& report, const gpu::Machine& machine, const Options& options) {
  gpu::ProfileCache cache;
  cache.file = gpu::profile_cache_file(std::getenv("XDG_CACHE_HOME"), std::getenv("HOME"));
  for (size_t i = 0; i < report.devices.size(); ++i) {
    const gpu::Device& device = machine.devices()[i];
    report.devices[i].profile =
        gpu::cached_profile(device, gpu::profile_options(device, options.threads), cache, options.fresh);
    if (device.layouts() != nullptr) report.devices[i].layouts = device.layouts()->known(device);
  }
}

Result<void> run(const Options& options) {
  gpu::set_ggml_verbose(options.verbose);
  gpu::DiscoverOptions discover{.backend = {}, .software = options.software, .layouts = layout_book()};
  if (!options.backend.empty()) discover.backend = options.backend;
  EXO_TRY(gpu::Machine machine, gpu::Machine::discover(discover));
  // Sensors first: profiling heats the device.
  DevicesReport report = look_at(machine);
  if (options.profile) add_profiles(report, machine, options);
  write_out(options.json ? as_json(report) + "\n" : as_text(report));
  for (const std::string& line : problems(report)) println_err("exogpu: {}", line);
  return {};
}

}  // namespace

void add_devices(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("devices", "List the devices of this machine, best first");
  command->add_flag("--json", options->json, "Print JSON");
  command->add_option("--backend", options->backend, "Only the devices of this backend")
      ->type_name("cuda|rocm|metal|vulkan|cpu");
  command->add_flag("--software", options->software, "Also list software GPUs, which the CPU computes");
  auto* profile = command->add_flag(
      "--profile", options->profile,
      "Also measure the speed of each device, about two seconds each; the result is stored for 30 days");
  command->add_flag("--fresh", options->fresh, "Measure again instead of using the stored result")->needs(profile);
  command->add_option("--threads", options->threads, "CPU threads to measure with (default: the free cores)")
      ->needs(profile)
      ->check(between(1, 4096));
  command->add_flag("--verbose", options->verbose, "Show the messages of ggml on standard error");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace exogpu::cli
