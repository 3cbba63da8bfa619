// exogpu doctor: finds out why nodes do not find or reach each other.
#include "node/doctor/doctor.h"

#include <memory>

#include "cli/address.h"
#include "cli/arguments/checks.h"
#include "cli/command.h"
#include "cli/doctor/report.h"
#include "cli/folders.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

constexpr uint16_t kLinkPort = 7766;

struct Options {
  std::string at, state;
  uint16_t port = kLinkPort;
  bool json = false;
};

Result<void> doctor(const Options& options) {
  node::DoctorOptions how{.state = {}, .link_port = options.port};
  EXO_TRY(how.state, state_folder(options.state));
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
  auto* command = app.add_subcommand("doctor", "Find out why this device and others do not find each other");
  command->footer(
      "Checks this device, the network, and every node that it finds there, or the node at one address. Takes some\n"
      "seconds, changes nothing, and ends with status 1 when there is a problem. Run it on both devices.");
  command->add_option("host", options->at, "Check the node there; port 7766 if left out")->type_name("HOST[:PORT]");
  command->add_option("--port", options->port, "The port of the nodes, when it is not 7766")
      ->check(between(1, 65535))
      ->type_name("PORT");
  command->add_flag("--json", options->json, "Print JSON");
  command->add_option("--state", options->state, "The folder of this node's identity")->type_name("DIR");
  command->callback([options, &action] { action = [options] { return doctor(*options); }; });
}

}  // namespace exogpu::cli
