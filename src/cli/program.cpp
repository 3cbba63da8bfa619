#include "cli/program.h"

#include <cstdlib>
#include <sstream>

#include "cli/folders.h"
#include "cli/output.h"
#include "gpu/cpu_variant.h"

namespace exogpu::cli {
namespace {

// Prints the help or the version that was asked for, or the error.
int end_of_parsing(const CLI::App& app, const CLI::ParseError& end) {
  std::ostringstream out, error;
  const int code = app.exit(end, out, error);
  write_out(out.str());
  write_err(error.str());
  return code == 0 ? 0 : kStatusUsage;
}

int parse_and_run(int argc, char** argv, const std::string& version) {
  CLI::App app;
  if (const char* variant = std::getenv("EXOGPU_CPU_VARIANT")) gpu::force_cpu_variant(variant);
  Action action;
  add_commands(app, action, version);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& end) {
    return end_of_parsing(app, end);
  }
  const auto done = action();
  if (done) return 0;
  println_err("exogpu: {}", done.error().message);
  return kStatusFailed;
}

}  // namespace

void add_commands(CLI::App& app, Action& action, const std::string& version) {
  app.name("exogpu");
  app.description("Turns every device you own into one machine for running language models.");
  app.set_version_flag("--version", version);
  app.require_subcommand(1);
  app.fallthrough();  // --config may also follow the command
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.set_config("--config", config_file(), "A file of options, with a [section] for each command")->type_name("FILE");
  for (const auto add :
       {add_run, add_serve, add_pair, add_join, add_approve, add_doctor, add_token, add_status, add_drain, add_demo,
        add_tokenize, add_devices, add_pull, add_models, add_inspect, add_plan, add_eval, add_bench}) {
    add(app, action);
  }
}

int run_program(int argc, char** argv, const std::string& version) {
  prepare_standard_streams();
  const int status = parse_and_run(argc, argv, version);
  const auto written = flush_out();
  if (written || status != 0) return status;
  println_err("exogpu: {}", written.error().message);
  return kStatusFailed;
}

}  // namespace exogpu::cli
