#include "cli/program.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

#include "cli/arguments/checks.h"
#include "cli/arguments/command_words.h"
#include "cli/arguments/explain.h"
#include "cli/arguments/help.h"
#include "cli/folders.h"
#include "cli/layout_book.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/own_program.h"
#include "cli/role_commands.h"
#include "gpu/cpu_variant.h"

namespace exogpu::cli {
namespace {

struct CommandGroup {
  const char* title;
  std::vector<void (*)(CLI::App&, Action&)> commands;
};

const std::vector<CommandGroup>& command_groups() {
  static const std::vector<CommandGroup> groups = {
      {"Models", {add_run, add_serve, add_pull, add_models, add_inspect}},
      {"Cluster", {add_status, add_top,    add_pair,     add_join,    add_approve, add_token,  add_drain,
                   add_load,   add_unload, add_ps,       add_keys,    add_rename,  add_limits, add_role,
                   add_roles,  add_remove, add_recovery, add_recover, add_audit,   add_doctor}},
      {"Devices and speed", {add_devices, add_plan, add_check, add_bench, add_demo}},
      {"For developers", {add_tokenize, add_eval, add_completion}},
  };
  return groups;
}

// A model instead of a command.
bool names_a_model(const std::string& word) {
  std::error_code ignored;
  if (word.ends_with(".gguf") || std::filesystem::is_regular_file(word, ignored)) return true;
  const auto library = models_folder();
  return library && library->find(word).has_value();
}

int report_usage_error(const CLI::App& command, const std::string& message) {
  println_err("exogpu: {}\n`{} --help` explains the command.", message, full_name(command));
  return kStatusUsage;
}

// Prints the help or the version, or what is wrong.
int end_of_parsing(const CLI::App& program, const CLI::ParseError& end) {
  if (end.get_exit_code() != 0) return report_usage_error(parsed_command(program), explain(program, end));
  std::ostringstream text;
  program.exit(end, text, text);
  write_out(text.str());
  return 0;
}

int parse_and_run(const std::vector<std::string>& words, const std::string& version) {
  CLI::App program;
  if (const char* variant = std::getenv("EXOGPU_CPU_VARIANT")) gpu::force_cpu_variant(variant);
  if (answered_layout_checks(words)) return 0;
  Action action;
  add_commands(program, action, version);
  if (words.empty()) {
    write_err(program.help());
    return kStatusUsage;
  }
  auto resolved = resolve_words(program, words, &names_a_model);
  if (!resolved) return report_usage_error(command_of(program, words), resolved.error().message);
  std::ranges::reverse(*resolved);  // the order that parse() takes
  try {
    program.parse(*std::move(resolved));
  } catch (const CLI::ParseError& end) {
    return end_of_parsing(program, end);
  }
  const auto done = action();
  if (done) return 0;
  println_err("exogpu: {}", done.error().message);
  return kStatusFailed;
}

}  // namespace

void add_commands(CLI::App& app, Action& action, const std::string& version) {
  app.name("exogpu");
  app.description("Runs a language model on several devices together.");
  app.footer("`exogpu COMMAND --help` explains a command. `exogpu MODEL` is short for `exogpu run MODEL`.");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "Show this help");
  app.set_version_flag("--version", version, "Show the version");
  app.require_subcommand(1);
  app.fallthrough();  // --config may also follow the command
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.set_config("--config", config_file(), "Read options from this file, with a [section] for each command")
      ->type_name("FILE");
  for (const CommandGroup& group : command_groups()) {
    for (const auto add : group.commands) {
      add(app, action);
      app.get_subcommands({}).back()->group(group.title);
    }
  }
  add_number_checks(app);
}

int run_program(int argc, char** argv, const std::string& version) {
  prepare_standard_streams();
  remember_own_command(argc);
  const int status = parse_and_run({argv + std::min(argc, 1), argv + argc}, version);
  const auto written = flush_out();
  if (written || status != 0) return status;
  println_err("exogpu: {}", written.error().message);
  return kStatusFailed;
}

}  // namespace exogpu::cli
