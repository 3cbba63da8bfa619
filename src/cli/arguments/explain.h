// Error messages for command lines: they name the option, its value, and what was expected.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace exogpu::cli {

// The command that `program` parsed last: "exogpu models rm"; `program` itself if there was none.
const CLI::App& parsed_command(const CLI::App& program);
std::string full_name(const CLI::App& command);

// One line without a newline: "there is no option --tmp; did you mean --temperature?"
std::string explain(const CLI::App& program, const CLI::ParseError& error);

}  // namespace exogpu::cli
