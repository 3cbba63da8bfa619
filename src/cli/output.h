// The program's standard output and standard error.
//
// A command writes its results with print_out() and its messages with print_err(). A result that cannot be written (a
// full disk, a reader that has ended) fails the command: run_program() asks flush_out() last.
// A message that cannot be written is lost: nothing is left to report it with. Neither ever throws or ends the program.
// Any thread may call these functions.
#pragma once

#include <cstdio>
#include <format>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace exogpu::cli {

// Call this first in main(). Writing to a closed pipe is then an error and no signal, and a standard stream that the
// parent process closed fails when it is used, instead of lending its number to the next file or connection.
void prepare_standard_streams();

void write_out(std::string_view text);
void write_err(std::string_view text);

// Writes what is buffered. Errors: io_error, when that or anything before was not written.
Result<void> flush_out();
// Drops what was not written, with its error: for a service, which goes on without a standard output.
void forget_out_failure();

template <typename... Args>
void print_out(std::format_string<Args...> text, Args&&... args) {
  write_out(std::format(text, std::forward<Args>(args)...));
}

template <typename... Args>
void print_err(std::format_string<Args...> text, Args&&... args) {
  write_err(std::format(text, std::forward<Args>(args)...));
}

// Each with a newline at its end.
template <typename... Args>
void println_out(std::format_string<Args...> text, Args&&... args) {
  write_out(std::format(text, std::forward<Args>(args)...) + '\n');
}

template <typename... Args>
void println_err(std::format_string<Args...> text, Args&&... args) {
  write_err(std::format(text, std::forward<Args>(args)...) + '\n');
}

}  // namespace exogpu::cli
