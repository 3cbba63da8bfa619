// exogpu: reads the arguments, runs one subcommand, reports its error.
#include <CLI/CLI.hpp>
#include <print>

#include "cli/command.h"
#include "cli/folders.h"

int main(int argc, char** argv) {
  using namespace exogpu;
  CLI::App app("Turns every device you own into one machine for running language models.", "exogpu");
  app.set_version_flag("--version", EXOGPU_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // --config may stand behind the subcommand, too
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.set_config("--config", cli::config_file(), "A file of options, with a [section] for each subcommand")
      ->type_name("FILE");
  cli::Action action;
  cli::add_run(app, action);
  cli::add_serve(app, action);
  cli::add_pair(app, action);
  cli::add_join(app, action);
  cli::add_approve(app, action);
  cli::add_doctor(app, action);
  cli::add_token(app, action);
  cli::add_status(app, action);
  cli::add_drain(app, action);
  cli::add_demo(app, action);
  cli::add_tokenize(app, action);
  cli::add_devices(app, action);
  cli::add_pull(app, action);
  cli::add_models(app, action);
  cli::add_inspect(app, action);
  cli::add_plan(app, action);
  cli::add_eval(app, action);
  cli::add_bench(app, action);
  CLI11_PARSE(app, argc, argv);
  if (auto done = action(); !done) {
    std::println(stderr, "exogpu: {}", done.error().message);
    return 1;
  }
  return 0;
}
