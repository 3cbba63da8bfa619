// The words of a command line before they are parsed: other names of commands, `help`, and a model without a command.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace exogpu::cli {

// Replaces what stands for something else: "help run" -> "run --help", "list" -> "models", "chat M" -> "run M",
// "M" -> "run M" where `is_model` says so.
// Errors: invalid_argument: no such command, with the one that may be meant; an option of another program that would be
// read as one letter and its value ("-ngl" as -n with "gl").
Result<std::vector<std::string>> resolve_words(const CLI::App& program, std::vector<std::string> words,
                                               const std::function<bool(const std::string&)>& is_model);

// The command that `word` stands for ("list": "models"); `word` where it stands for none.
std::string own_command_name(const std::string& word);

// The option of `command` that `word` ("-n", "--max-tokens", "--max-tokens=5") names; null if none.
const CLI::Option* option_of(const CLI::App& command, const std::string& word);

// Whether `word` is an option of `command` whose value is the next word.
bool takes_next_word(const CLI::App& command, const std::string& word);

}  // namespace exogpu::cli
