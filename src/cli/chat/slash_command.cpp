#include "cli/chat/slash_command.h"

#include <algorithm>
#include <array>
#include <utility>

namespace exogpu::cli {
namespace {

constexpr std::string_view space = " \t\r\n";

constexpr auto commands = std::to_array<SlashCommand>({
    {"/help", "", "show this list"},
    {"/clear", "", "start a new conversation with the same system message"},
    {"/system", "[TEXT]", "show the system message or set it; - removes it"},
    {"/set", "[NAME [VALUE]]", "show all settings or one, or change one; default resets it"},
    {"/stats", "", "show speeds and how full the context is"},
    {"/save", "FILE", "write the conversation to a new file, .json or text"},
    {"/exit", "", "leave; so does Ctrl-D"},
});

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

// The first word, and the rest without surrounding white space.
std::pair<std::string_view, std::string_view> split_word(std::string_view text) {
  const size_t end = std::min(text.find_first_of(space), text.size());
  return {text.substr(0, end), trimmed(text.substr(end))};
}

std::unexpected<Error> unknown(std::string_view name) {
  std::string names;
  for (const SlashCommand& command : commands) {
    if (name.size() > 1 && command.name.starts_with(name)) names += std::format(" {}", command.name);
  }
  if (!names.empty()) return fail(ErrorCode::invalid_argument, "{}: no such command; did you mean{}?", name, names);
  return fail(
      ErrorCode::invalid_argument,
      "{}: no such command; /help lists all. Begin a message with two slashes to send one that starts with a slash",
      name);
}

}  // namespace

std::span<const SlashCommand> slash_commands() { return commands; }

Result<Input> parse_input(std::string_view text) {
  const std::string_view body = trimmed(text);
  if (body.empty()) return Nothing{};
  if (!text.starts_with('/')) return SendMessage{std::string(text)};
  if (text.starts_with("//")) return SendMessage{std::string(text.substr(1))};

  const auto [name, rest] = split_word(body);
  if (name == "/system") {
    if (rest.empty()) return System{};
    return System{rest == "-" ? std::string() : std::string(rest)};
  }
  if (name == "/set") {
    const auto [setting, value] = split_word(rest);
    return Set{std::string(setting), std::string(value)};
  }
  if (name == "/save") {
    if (rest.empty()) return fail(ErrorCode::invalid_argument, "/save needs a file name");
    return Save{std::string(rest)};
  }

  Input input;
  if (name == "/help" || name == "/?") input = ShowHelp{};
  if (name == "/clear") input = Clear{};
  if (name == "/stats") input = ShowStats{};
  if (name == "/exit" || name == "/quit" || name == "/bye") input = Leave{};
  if (std::holds_alternative<Nothing>(input)) return unknown(name);
  if (!rest.empty()) return fail(ErrorCode::invalid_argument, "{} takes no argument", name);
  return input;
}

}  // namespace exogpu::cli
