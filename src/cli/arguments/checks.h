// Checks of option values; their messages say what is expected.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace exogpu::cli {

// Message: "fast" is not one of latency, throughput, first-token, efficiency
CLI::Validator one_of(std::vector<std::string> words);

// The type that the help shows for such a value: "latency|throughput". Completion offers the words.
std::string words_type(const std::vector<std::string>& words);

// Message: 0 is not a number from 1 to 4096
CLI::Validator between(double lowest, double highest);

// A size as "8GiB"; becomes the number of bytes.
CLI::Validator byte_size();

// A percentage as "1%" or "1"; becomes the share, 0.01.
CLI::Validator percent();

// Adds a check to every numeric option of `app` and its commands.
void add_number_checks(CLI::App& app);

}  // namespace exogpu::cli
