// exogpu doctor: finds out why nodes do not find or reach each other, and whether devices compute rightly.
#include "node/doctor/doctor.h"

#include <array>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/host_port.h"
#include "cli/arguments/checks.h"
#include "cli/command.h"
#include "cli/devices/layouts.h"
#include "cli/doctor/report.h"
#include "cli/find_device.h"
#include "cli/folders.h"
#include "cli/layout_book.h"
#include "cli/output.h"
#include "cli/state_options.h"
#include "gpu/layouts/stored.h"

namespace exogpu::cli {
namespace {

constexpr uint16_t kLinkPort = 7766;

struct Options {
  StateOptions identity;
  std::string at, device;
  bool devices = false;  // checks these instead of the network
  uint16_t port = kLinkPort;
  bool json = false;
};

// Every type of weights that model files have.
constexpr std::array kWeightTypes = {"f32",     "f16",   "bf16",   "q4_0",    "q4_1",   "q5_0",   "q5_1",   "q8_0",
                                     "q2_K",    "q3_K",  "q4_K",   "q5_K",    "q6_K",   "iq4_nl", "iq4_xs", "iq3_s",
                                     "iq3_xxs", "iq2_s", "iq2_xs", "iq2_xxs", "iq1_s",  "iq1_m",  "tq1_0",  "tq2_0",
                                     "mxfp4",   "nvfp4", "q1_0",   "q2_0",    "f8_e4m3"};

// Checks all that a model could need, whatever is stored, and measures the common types.
DeviceLayouts checked_layouts(const gpu::Device& device) {
  const auto book = fresh_layout_book();
  std::vector<gpu::LayoutCase> cases;
  for (const char* type : kWeightTypes)
    for (const gpu::WeightShape shape : gpu::kWeightShapes)
      for (gpu::LayoutCase& which : gpu::cases_of(device, type, shape)) cases.push_back(std::move(which));
  (void)book->check(device, cases);
  for (const char* type : {"q4_0", "q4_K", "q6_K", "q8_0", "f16", "bf16", "mxfp4"}) (void)book->measure(device, type);
  return {.device = device.info().id, .known = book->known(device)};
}

Result<void> check_devices(const Options& options) {
  EXO_TRY(const FoundDevice found, find_device(options.device));
  std::vector<DeviceLayouts> layouts;
  for (const gpu::Device& device : found.machine->devices())
    if (options.device.empty() || &device == found.device) layouts.push_back(checked_layouts(device));
  if (options.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    for (const DeviceLayouts& each : layouts) json[each.device] = gpu::to_json(each.known);
    println_out("{}", json.dump(2));
    return {};
  }
  write_out(layouts_table(layouts));
  for (const std::string& line : layouts_not_used(layouts)) println_out("{}", line);
  return {};
}

Result<void> doctor(const Options& options) {
  if (options.devices) return check_devices(options);
  node::DoctorOptions how{.state = {}, .link_port = options.port};
  EXO_TRY(how.state, state_folder(options.identity.state));
  EXO_TRY(how.key_passphrase, key_passphrase(options.identity));
  if (!options.at.empty()) {
    EXO_TRY(const HostPort at, parse_host_port(options.at, options.port, "HOST"));
    if (at.port == 0)
      return fail(ErrorCode::invalid_argument, "{}: a node cannot have port 0; give its port, by default 7766",
                  options.at);
    how.at = node::Address{.host = at.host.empty() ? "localhost" : at.host, .port = at.port};
  }
  const auto findings = node::diagnose(how);
  write_out(options.json ? as_json(findings) + "\n" : as_text(findings));
  EXO_CHECK(flush_out());
  const size_t problems = count_problems(findings);
  if (problems > 0) {
    return fail(ErrorCode::failed_precondition, "{} found", problems == 1 ? "a problem was" : "problems were");
  }
  if (!options.json) println_out("No problems found.");
  return {};
}

}  // namespace

void add_doctor(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("doctor", "Find out why devices do not find each other, or compute wrongly");
  command->footer(
      "Checks this device, the network, and every node that it finds there, or the node at one address. Takes some\n"
      "seconds, changes nothing, and ends with status 1 when there is a problem. Run it on both devices.");
  command->add_option("host", options->at, "Check the node there; port 7766 if left out")->type_name("HOST[:PORT]");
  command->add_option("--port", options->port, "The port of the nodes, when it is not 7766")
      ->check(between(1, 65535))
      ->type_name("PORT");
  command
      ->add_option_function<std::string>(
          "--device",
          [options](const std::string& id) {
            options->devices = true;
            options->device = id;
          },
          "Instead check what this device computes with each type of weights in each layout; without ID, all devices")
      ->expected(0, 1)
      ->trigger_on_parse()
      ->type_name("ID");
  command->add_flag("--json", options->json, "Print JSON");
  add_state_options(*command, options->identity);
  command->callback([options, &action] { action = [options] { return doctor(*options); }; });
}

}  // namespace exogpu::cli
