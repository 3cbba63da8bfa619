// Checks of option values whose messages say what is expected.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace exogpu::cli {

// "fast" is not one of latency, throughput, first-token
CLI::Validator one_of(std::vector<std::string> words);

// What the help calls a value that is one of these: "latency|throughput". Completion offers the words.
std::string words_type(const std::vector<std::string>& words);

// 0 is not a number from 1 to 4096
CLI::Validator between(double lowest, double highest);

// Adds to every option of `app` and of its commands that takes numbers a check that the value is one.
void add_number_checks(CLI::App& app);

}  // namespace exogpu::cli
