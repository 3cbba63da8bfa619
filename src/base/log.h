// The log: what an operator needs to know about the program, one line for each event. Prompts and answers are never
// logged.
//
//   log::info("node", "{} is offline: {}", name, reason);
//
// writes "2026-11-29T17:40:00.123Z info  desk node: laptop is offline: ...". Any thread may log at any time; lines
// never mix. If the log cannot be written (full disk, closed pipe), lines are dropped and the program is not disturbed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace exogpu::log {

enum class Level : uint8_t { debug, info, warning, error, off };

// "debug", "info", "warning", "error", "off". Errors: invalid_argument, listing these.
Result<Level> parse_level(std::string_view text);
std::string_view to_string(Level level);

struct Options {
  Level level = Level::info;
  std::string node;                             // name of this node, in each line; empty: none
  std::optional<std::filesystem::path> file{};  // appended to, again once it was moved away; none: stderr
};

// Until the first call, warnings and errors go to standard error. If standard error is connected to systemd's journal,
// lines begin with the journal's priority ("<4>") instead of time and level, which the journal adds.
// Errors: io_error, if the file cannot be opened; the log is then unchanged.
Result<void> start(const Options& options);

bool enabled(Level level);
// `room` is the folder of src/ that logs.
void write(Level level, std::string_view room, std::string_view text);

template <typename... Args>
void debug(std::string_view room, std::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, room, std::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void info(std::string_view room, std::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::info)) write(Level::info, room, std::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(std::string_view room, std::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::warning)) write(Level::warning, room, std::format(text, std::forward<Args>(args)...));
}
template <typename... Args>
void error(std::string_view room, std::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::error)) write(Level::error, room, std::format(text, std::forward<Args>(args)...));
}

}  // namespace exogpu::log
