// The whole program: reads the command line, runs one command, and reports its result.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "cli/command.h"

namespace exogpu::cli {

// Exit statuses other than 0.
inline constexpr int kStatusFailed = 1;  // the command failed, or its results could not be written
inline constexpr int kStatusUsage = 2;   // the command line is invalid

// Adds every command and option to `app`. The chosen command sets `action`.
void add_commands(CLI::App& app, Action& action, const std::string& version);

// For main(). Returns the exit status.
int run_program(int argc, char** argv, const std::string& version);

}  // namespace exogpu::cli
