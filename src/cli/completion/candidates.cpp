#include "cli/completion/candidates.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "cli/arguments/command_words.h"

namespace exogpu::cli {
namespace {

using Words = std::vector<std::string>;

// The position of the word to complete.
struct Cursor {
  const CLI::App* command = nullptr;
  const CLI::Option* option = nullptr;  // option whose value the word is
  size_t positionals = 0;               // positional arguments of the command before it
  std::string prefix;                   // start of the word that every candidate repeats: "--for="
  std::string typed;                    // rest of the word
};

// Joins ["--for", "=", "lat"] to ["--for", "lat"].
Words without_equals(Words words) {
  if (words.size() >= 2 && words.back() == "=")
    words.back().clear();
  else if (words.size() >= 3 && words[words.size() - 2] == "=")
    words.erase(words.end() - 2);
  return words;
}

const CLI::App* subcommand_named(const CLI::App& command, const std::string& word) {
  const auto found = command.get_subcommands([&](const CLI::App* each) { return each->get_name() == word; });
  return found.empty() ? nullptr : found.front();
}

const CLI::Option* known_option(const Cursor& cursor, const CLI::App& program, const std::string& word) {
  const CLI::Option* option = option_of(*cursor.command, word);
  return option != nullptr ? option : option_of(program, word);
}

Cursor find_cursor(const CLI::App& program, const Words& words) {
  Cursor cursor{.command = &program, .option = nullptr, .positionals = 0, .prefix = {}, .typed = words.back()};
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    cursor.option = nullptr;
    if (word.starts_with('-')) {
      const CLI::Option* option = known_option(cursor, program, word);
      const bool value_follows =
          option != nullptr && word.find('=') == Words::value_type::npos && option->get_items_expected_min() > 0;
      if (value_follows && i + 2 == words.size()) cursor.option = option;
      if (value_follows) ++i;
      continue;
    }
    if (const CLI::App* next = subcommand_named(*cursor.command, own_command_name(word))) {
      cursor.command = next;
    } else if (cursor.command != &program || word != "help") {
      ++cursor.positionals;
    }
  }
  const size_t equals = cursor.typed.find('=');
  if (cursor.option == nullptr && cursor.typed.starts_with("--") && equals != std::string::npos) {
    cursor.option = known_option(cursor, program, cursor.typed);
    cursor.prefix = cursor.typed.substr(0, equals + 1);
    cursor.typed.erase(0, equals + 1);
  }
  return cursor;
}

class Collector {
 public:
  explicit Collector(const Cursor& cursor) : cursor_(cursor) {}
  void add(const std::string& word, const std::string& help = {}) {
    if (word.starts_with(cursor_.typed)) found.words.push_back({cursor_.prefix + word, help});
  }
  // Adds the values of an option or positional argument, by the type that the help shows.
  void add_values(const CLI::Option& option, const std::function<Words()>& models) {
    const std::string type = option.get_type_name();
    if (type == "FILE" || type == "DIR" || type == "MODEL") found.files = true;
    if (type == "MODEL" || type == "NAME") {
      for (const std::string& name : models()) add(name);
    }
    if (type == "DEVICE") {
      add("cpu");
      add("gpu");
    }
    for (size_t begin = 0; type.find('|') != std::string::npos && begin <= type.size();) {
      const size_t end = std::min(type.find('|', begin), type.size());
      add(type.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  Candidates found;

 private:
  const Cursor& cursor_;
};

bool is_shown(const CLI::Option* option) { return !option->get_group().empty() && !option->get_lnames().empty(); }

void add_options(Collector& collector, const CLI::App& program, const CLI::App& command) {
  for (const CLI::App* app : {&command, &program}) {
    for (const CLI::Option* option : app->get_options(is_shown)) {
      if (app == &program && &command != &program && option->get_lnames().front() == "help") continue;
      collector.add("--" + option->get_lnames().front(), option->get_description());
    }
    if (&command == &program) return;
  }
}

const CLI::Option* positional_at(const CLI::App& command, size_t index) {
  const auto all = command.get_options([](const CLI::Option* option) { return option->get_positional(); });
  if (index < all.size()) return all[index];
  const bool repeats = !all.empty() && all.back()->get_expected_max() > 1;
  return repeats ? all.back() : nullptr;
}

}  // namespace

Candidates candidates_for(const CLI::App& program, std::vector<std::string> words,
                          const std::function<std::vector<std::string>()>& models) {
  words = without_equals(std::move(words));
  if (words.empty()) words.emplace_back();
  const Cursor cursor = find_cursor(program, words);
  Collector collector(cursor);
  if (cursor.option != nullptr) {
    collector.add_values(*cursor.option, models);
  } else if (cursor.typed.starts_with('-')) {
    add_options(collector, program, *cursor.command);
  } else {
    for (const CLI::App* each : cursor.command->get_subcommands({})) {
      const bool is_option_group = each->get_name().empty();
      if (!is_option_group && !each->get_group().empty()) collector.add(each->get_name(), each->get_description());
    }
    if (const CLI::Option* next = positional_at(*cursor.command, cursor.positionals))
      collector.add_values(*next, models);
  }
  return std::move(collector.found);
}

std::string to_lines(const Candidates& candidates) {
  std::string lines;
  for (const Candidate& each : candidates.words) {
    std::string help = each.help.substr(0, each.help.find('\n'));
    lines += each.word + (help.empty() ? "" : "\t" + help) + "\n";
  }
  if (candidates.files) lines += ":files\n";
  return lines;
}

}  // namespace exogpu::cli
