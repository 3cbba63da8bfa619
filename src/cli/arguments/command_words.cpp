#include "cli/arguments/command_words.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"
#include "cli/arguments/foreign_options.h"
#include "cli/arguments/nearest.h"

namespace exogpu::cli {
namespace {

using Words = std::vector<std::string>;

struct OtherName {
  std::string_view name;
  std::string_view command;
};

constexpr auto kOtherNames = std::to_array<OtherName>({
    {"chat", "run"},
    {"generate", "run"},
    {"server", "serve"},
    {"list", "models"},
    {"ls", "models"},
    {"download", "pull"},
    {"fetch", "pull"},
    {"show", "inspect"},
    {"info", "inspect"},
});

const CLI::App* subcommand_of(const CLI::App& app, const std::string& name) {
  const auto found = app.get_subcommands([&](const CLI::App* each) { return each->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

// The index of the command: the first word that is neither a program option nor the value of one.
size_t command_index(const CLI::App& program, const Words& words) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with('-')) return i;
    if (takes_next_word(program, words[i])) ++i;
  }
  return words.size();
}

std::unexpected<Error> no_such_command(const CLI::App& program, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* command : program.get_subcommands({})) names.push_back(command->get_name());
  for (const OtherName& other : kOtherNames) names.emplace_back(other.name);
  const std::string model = word.find_first_of("./") == std::string::npos ? "" : ", and no such model";
  const auto meant = nearest(word, names);
  return fail(ErrorCode::invalid_argument, "there is no command {}{}{}; `exogpu --help` lists all", printable(word),
              model, meant ? "; did you mean " + own_command_name(*meant) + "?" : "");
}

Result<void> check_for_foreign_options(const CLI::App& command, const Words& words, size_t first) {
  for (size_t i = first; i < words.size() && words[i] != "--"; ++i) {
    const std::string name = words[i].substr(0, words[i].find('='));
    if (takes_next_word(command, words[i])) {
      ++i;
    } else if (const auto advice = advice_for_foreign_option(name); advice && name.size() > 2 && name[1] != '-') {
      return fail(ErrorCode::invalid_argument, "there is no option {} here; {}", name, *advice);
    }
  }
  return {};
}

}  // namespace

std::string own_command_name(const std::string& word) {
  const auto* const found = std::ranges::find(kOtherNames, word, &OtherName::name);
  return found == kOtherNames.end() ? word : std::string(found->command);
}

const CLI::App& command_of(const CLI::App& program, const Words& words) {
  const size_t at = command_index(program, words);
  const CLI::App* command = at < words.size() ? subcommand_of(program, own_command_name(words[at])) : nullptr;
  return command != nullptr ? *command : program;
}

const CLI::Option* option_of(const CLI::App& command, const std::string& word) {
  if (!word.starts_with('-')) return nullptr;
  return command.get_option_no_throw(word.substr(0, word.find('=')));
}

bool takes_next_word(const CLI::App& command, const std::string& word) {
  const CLI::Option* option = option_of(command, word);
  return option != nullptr && word.find('=') == std::string::npos && option->get_items_expected_min() > 0;
}

Result<std::vector<std::string>> resolve_words(const CLI::App& program, std::vector<std::string> words,
                                               const std::function<bool(const std::string&)>& is_model) {
  size_t at = command_index(program, words);
  if (at == words.size()) return words;
  if (words[at] == "version") words[at] = "--version";
  if (words[at] == "help") {
    words.erase(words.begin() + static_cast<ptrdiff_t>(at));
    words.emplace_back("--help");
    return resolve_words(program, std::move(words), is_model);
  }
  if (words[at].starts_with('-')) return words;
  if (words[at] == "rm") words.insert(words.begin() + static_cast<ptrdiff_t>(at), "models");
  words[at] = own_command_name(words[at]);
  if (words[at] == "models" && at + 1 < words.size() && words[at + 1] == "remove") words[at + 1] = "rm";
  const CLI::App* command = subcommand_of(program, words[at]);
  if (command == nullptr && is_model(words[at])) {
    words.insert(words.begin() + static_cast<ptrdiff_t>(at), "run");
    command = subcommand_of(program, "run");
  }
  if (command == nullptr) return no_such_command(program, words[at]);
  EXO_CHECK(check_for_foreign_options(*command, words, at + 1));
  return words;
}

}  // namespace exogpu::cli
