#include "cli/log_options.h"

namespace exogpu::cli {

void add_log_options(CLI::App& command, LogOptions& options, log::Level level) {
  const char* group = "Log";
  command.add_option("--log-level", options.level, "debug, info, warning, error or off")
      ->type_name("LEVEL")
      ->default_str(std::string(log::to_string(level)))
      ->group(group);
  command.add_option("--log-file", options.file, "A file to append the log to (default: standard error)")
      ->type_name("FILE")
      ->group(group);
}

Result<void> start_log(const LogOptions& options, log::Level level, const std::string& node) {
  log::Options start{.level = level, .node = node};
  if (!options.level.empty()) {
    const auto given = log::parse_level(options.level);
    if (!given) return fail(given.error().code, "--log-level {}", given.error().message);
    start.level = *given;
  }
  if (!options.file.empty()) start.file = options.file;
  return log::start(start);
}

}  // namespace exogpu::cli
