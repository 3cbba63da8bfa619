// The program's standard output and standard error.
//
// A command writes results with print_out() and messages with print_err(). A result that cannot be written (a full
// disk, a closed pipe) makes the command fail: run_program() calls flush_out() last. A message that cannot be written
// is lost. None of these functions throws or ends the program. Any thread may call them.
#pragma once

#include <cstdio>
#include <format>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace exogpu::cli {

// Call this first in main(). After it, writing to a closed pipe is an error instead of a signal, and a standard stream
// that the parent process closed fails when used, instead of lending its number to the next file or connection.
void prepare_standard_streams();

void write_out(std::string_view text);
void write_err(std::string_view text);

// Writes the buffer. Errors: io_error, if this or any earlier output was not written.
Result<void> flush_out();
// Discards unwritten output and its error: for a service, which continues without standard output.
void forget_out_failure();

template <typename... Args>
void print_out(std::format_string<Args...> text, Args&&... args) {
  write_out(std::format(text, std::forward<Args>(args)...));
}

template <typename... Args>
void print_err(std::format_string<Args...> text, Args&&... args) {
  write_err(std::format(text, std::forward<Args>(args)...));
}

// Each adds a newline.
template <typename... Args>
void println_out(std::format_string<Args...> text, Args&&... args) {
  write_out(std::format(text, std::forward<Args>(args)...) + '\n');
}

template <typename... Args>
void println_err(std::format_string<Args...> text, Args&&... args) {
  write_err(std::format(text, std::forward<Args>(args)...) + '\n');
}

}  // namespace exogpu::cli
