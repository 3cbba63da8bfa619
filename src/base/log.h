// The log: what an operator needs to know of what the program does, one line for each event. Prompts and answers never
// go into it.
//
//   log::info("node", "{} is offline: {}", name, reason);
//
// writes "2026-11-29T17:40:00.123Z info  desk node: laptop is offline: ...". Any thread may log at any time; lines are
// not mixed. A log that cannot be written (full disk, closed pipe) is dropped and does not disturb the program.
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

// "debug", "info", "warning", "error", "off". Errors: invalid_argument, naming these.
Result<Level> parse_level(std::string_view text);
std::string_view to_string(Level level);

struct Options {
  Level level = Level::info;
  std::string node;                             // name of this node, in each line; empty: left out
  std::optional<std::filesystem::path> file{};  // appended to, again once it was moved away; none: stderr
};

// Until the first call, warnings and errors go to standard error. On standard error that is connected to systemd's
// journal, lines start with the journal's priority ("<4>") in place of time and level, which the journal keeps itself.
// Errors: io_error, when the file cannot be opened; the log stays as it was.
Result<void> start(const Options& options);

bool enabled(Level level);
// `room`: the part of the program, as in src/.
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
