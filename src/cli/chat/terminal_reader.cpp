#include <isocline.h>

#include "cli/chat/line_reader.h"
#include "cli/chat/settings.h"
#include "cli/chat/slash_command.h"
#include "cli/chat/terminal_watch.h"

namespace exogpu::cli {
namespace {

constexpr long history_entries_max = 1000;

void add_setting_names(ic_completion_env_t* completions, const char* prefix) {
  for (const SettingLine& setting : list_settings({})) {
    if (setting.name.starts_with(prefix)) {
      ic_add_completion_ex(completions, std::string(setting.name).c_str(), nullptr, std::string(setting.help).c_str());
    }
  }
}

void complete(ic_completion_env_t* completions, const char* prefix) {
  const std::string_view text = prefix;
  if (!text.starts_with('/')) return;
  if (text.starts_with("/set ")) {
    if (text.find(' ', 5) == std::string_view::npos) {
      ic_complete_word(completions, prefix, &add_setting_names, &ic_char_is_nonwhite);
    }
    return;
  }
  if (text.starts_with("/save ")) {
    ic_complete_filename(completions, prefix, '/', nullptr, nullptr);
    return;
  }
  for (const SlashCommand& command : slash_commands()) {
    if (!command.name.starts_with(text)) continue;
    const std::string insert = std::string(command.name) + (command.arguments.empty() ? "" : " ");
    ic_add_completion_prim(completions, insert.c_str(), std::string(command.name).c_str(),
                           std::string(command.help).c_str(), static_cast<long>(text.size()), 0);
  }
}

class TerminalReader : public LineReader {
 public:
  explicit TerminalReader(const std::filesystem::path& history) {
    // The editor takes over the signals in its first call.
    ic_set_history(history.empty() ? nullptr : history.c_str(), history_entries_max);
    ic_set_default_completer(&complete, nullptr);
    ic_set_default_highlighter(&highlight, this);
    ic_enable_multiline(true);
    ic_enable_beep(false);
    ic_enable_brace_insertion(false);
    ic_enable_brace_matching(false);
    watch_.begin();
  }

  Line read(bool continued) override {
    ic_set_prompt_marker(continued ? ". " : "> ", ". ");
    shown_.clear();
    char* text = ic_readline("");
    // The editor does not report why it ends without a line; the last text on the line shows it.
    if (!text) return {.event = shown_.empty() ? Event::leave : Event::cancelled};
    Line line{.event = Event::line, .text = text};
    ic_free(text);
    return line;
  }

 private:
  // Called with the text whenever the editor draws it.
  static void highlight(ic_highlight_env_t* environment, const char* input, void* self) {
    std::string& shown = static_cast<TerminalReader*>(self)->shown_;
    shown = input;
    if (!shown.starts_with('/') || shown.starts_with("//")) return;
    const std::string_view name = std::string_view(shown).substr(0, shown.find_first_of(" \t\n"));
    for (const SlashCommand& command : slash_commands()) {
      if (command.name == name) ic_highlight(environment, 0, static_cast<long>(name.size()), "keyword");
    }
  }

  TerminalWatch watch_;
  std::string shown_;
};

}  // namespace

std::unique_ptr<LineReader> terminal_reader(const std::filesystem::path& history) {
  return std::make_unique<TerminalReader>(history);
}

}  // namespace exogpu::cli
