// What the user typed: a message, or a command that begins with a slash.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace exogpu::cli {

struct Nothing {};  // white space only
struct SendMessage {
  std::string text;
};
struct ShowHelp {};
struct Clear {};
struct System {
  std::optional<std::string> text;  // absent: show it; empty: remove it
};
struct Set {
  std::string name;   // empty: show all
  std::string value;  // empty: show it
};
struct ShowStats {};
struct Save {
  std::string path;
};
struct Leave {};

using Input = std::variant<Nothing, SendMessage, ShowHelp, Clear, System, Set, ShowStats, Save, Leave>;

// "//text" is the message "/text". Errors: invalid_argument (no such command, or its arguments are wrong).
Result<Input> parse_input(std::string_view text);

struct SlashCommand {
  std::string_view name;       // "/set"
  std::string_view arguments;  // "[NAME [VALUE]]"
  std::string_view help;
};

// In the order in which the help shows them.
std::span<const SlashCommand> slash_commands();

}  // namespace exogpu::cli
