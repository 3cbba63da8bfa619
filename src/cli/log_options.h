// --log-level and --log-file, for the commands that log.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/log.h"

namespace exogpu::cli {

struct LogOptions {
  std::string level;  // as log::parse_level() reads it; empty: the command's default
  std::string file;   // empty: standard error
};

// `level`: the default, for the help.
void add_log_options(CLI::App& command, LogOptions& options, log::Level level);

// Errors: invalid_argument, naming the option; io_error.
Result<void> start_log(const LogOptions& options, log::Level level, const std::string& node = {});

}  // namespace exogpu::cli
