#include "cli/arguments/explain.h"

#include <algorithm>
#include <format>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "cli/arguments/foreign_options.h"
#include "cli/arguments/nearest.h"

namespace exogpu::cli {
namespace {

using Names = std::vector<std::string>;

Names long_names(const CLI::App& command) {
  Names names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// The name that the help shows: MODEL, --device.
std::string shown_name(const CLI::App& command, const std::string& name) {
  const CLI::Option* option = command.get_option_no_throw(name);
  if (option != nullptr && option->get_positional()) return option->get_type_name();
  return name;
}

std::string_view before(std::string_view text, std::string_view separator) {
  return text.substr(0, text.find(separator));
}

// The other commands with this option.
std::string owners_of(const CLI::App& program, const std::string& name) {
  std::string owners;
  for (const CLI::App* command : program.get_subcommands({})) {
    if (command->get_option_no_throw(name) == nullptr) continue;
    owners += std::format("{}`{}`", owners.empty() ? "" : ", ", full_name(*command));
  }
  return owners;
}

std::string explain_unknown_option(const CLI::App& program, const CLI::App& command, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  const std::string none = "there is no option " + printable(name);
  if (const auto advice = advice_for_foreign_option(name)) return std::format("{}; {}", none, *advice);
  if (const std::string owners = owners_of(program, name); !owners.empty()) {
    return std::format("{} here; it is one of {}", none, owners);
  }
  Names names = long_names(command);
  std::ranges::copy(long_names(program), std::back_inserter(names));
  const auto meant = nearest(name, names);
  if (!meant) return none;
  // Its first name, if the nearest is another of its names.
  const CLI::Option* option = command.get_option_no_throw(*meant);
  return std::format("{}; did you mean {}?", none, option != nullptr ? option->get_name() : *meant);
}

std::string explain_extras(const CLI::App& program, const CLI::App& command) {
  const Names extras = program.remaining(true);
  const auto option = std::ranges::find_if(extras, [](const std::string& word) { return word.starts_with('-'); });
  if (option != extras.end()) return explain_unknown_option(program, command, *option);
  return std::format("\"{}\" is one argument too many; put a value with spaces between quotation marks",
                     extras.empty() ? "" : printable(extras.back()));
}

// For an error of the configuration file: "INI was not able to parse serve.jion".
std::string explain_config(const CLI::App& program, std::string_view text) {
  const size_t last = text.find_last_of(' ');
  const std::string item(text.substr(last == std::string_view::npos ? 0 : last + 1));
  const size_t dot = item.find('.');
  const auto sections = program.get_subcommands(
      [&](const CLI::App* each) { return dot != std::string::npos && each->get_name() == item.substr(0, dot); });
  const std::string hint = sections.empty() ? "" : did_you_mean(item.substr(dot + 1), long_names(*sections.front()));
  return std::format("the configuration file has an unknown option: {}{}", printable(item), hint);
}

std::string explain_conversion(std::string_view text) {
  constexpr std::string_view kStart = "Could not convert: ";
  if (!text.starts_with(kStart)) return std::string(text);
  text.remove_prefix(kStart.size());
  const std::string_view name = before(text, " = ");
  const std::string_view value = text.substr(std::min(text.size(), name.size() + 3));
  return std::format("{}: \"{}\" is not a number, or is too large", name, printable(value));
}

// Replaces the verb: "A VERB B" becomes "A JOINED B".
std::string joined(std::string_view text, std::string_view verb, std::string_view words) {
  const std::string_view first = before(text, verb);
  return std::format("{}{}{}", first, words, text.substr(std::min(text.size(), first.size() + verb.size())));
}

}  // namespace

const CLI::App& parsed_command(const CLI::App& program) {
  const CLI::App* command = &program;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().back();
  return *command;
}

std::string full_name(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return parent == nullptr ? command.get_name() : full_name(*parent) + " " + command.get_name();
}

std::string explain(const CLI::App& program, const CLI::ParseError& error) {
  const CLI::App& command = parsed_command(program);
  const std::string text = error.what();
  const auto is = [&]<typename Kind>(const Kind*) { return dynamic_cast<const Kind*>(&error) != nullptr; };
  if (is(static_cast<CLI::ExtrasError*>(nullptr))) return explain_extras(program, command);
  if (is(static_cast<CLI::ConfigError*>(nullptr))) return explain_config(program, text);
  if (is(static_cast<CLI::ConversionError*>(nullptr))) return explain_conversion(text);
  if (is(static_cast<CLI::ExcludesError*>(nullptr)))
    return joined(text, " excludes ", " cannot be used together with ");
  if (is(static_cast<CLI::RequiresError*>(nullptr))) return joined(text, " requires ", " needs ");
  if (is(static_cast<CLI::FileError*>(nullptr))) {
    return std::format("{}: cannot be read; check that the file exists", before(text, " was not readable"));
  }
  if (is(static_cast<CLI::ArgumentMismatch*>(nullptr))) {
    if (text.contains("At Most")) return std::format("{} is given more than once", before(text, ": "));
    return std::format("{} needs a value", shown_name(command, std::string(before(text, ": "))));
  }
  if (is(static_cast<CLI::RequiredError*>(nullptr))) {
    return std::format("{} is missing", shown_name(command, std::string(before(text, " is required"))));
  }
  return text;
}

}  // namespace exogpu::cli
