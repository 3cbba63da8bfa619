// --log-level and --log-file.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/log.h"

namespace exogpu::cli {

struct LogOptions {
  std::string level;  // for log::parse_level(); empty: the command's default
  std::string file;   // empty: standard error
};

// `level`: the default that the help shows.
void add_log_options(CLI::App& command, LogOptions& options, log::Level level);

// Errors: invalid_argument, naming the option; io_error.
Result<void> start_log(const LogOptions& options, log::Level level, const std::string& node = {});

}  // namespace exogpu::cli
