// Resolves aliases before the command line is parsed: other names of commands, `help`, and a model without a command.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace exogpu::cli {

// "help run" becomes "run --help", "list" becomes "models", "chat M" becomes "run M", and "M" becomes "run M" if
// `is_model` accepts it.
// Errors: invalid_argument: no such command (suggests one), or an option of another program that would be read as one
// letter and its value ("-ngl" as -n with "gl").
Result<std::vector<std::string>> resolve_words(const CLI::App& program, std::vector<std::string> words,
                                               const std::function<bool(const std::string&)>& is_model);

// The command that the words are for; `program` where they name none.
const CLI::App& command_of(const CLI::App& program, const std::vector<std::string>& words);

// The command for which `word` is an alias ("list": "models"); otherwise `word`.
std::string own_command_name(const std::string& word);

// The option of `command` that `word` ("-n", "--max-tokens", "--max-tokens=5") names; null if none.
const CLI::Option* option_of(const CLI::App& command, const std::string& word);

// Whether `word` is an option of `command` that takes the next word as its value.
bool takes_next_word(const CLI::App& command, const std::string& word);

}  // namespace exogpu::cli
