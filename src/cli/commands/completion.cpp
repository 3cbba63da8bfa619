// exogpu completion: prints a script that makes a shell complete command lines.
#include "cli/arguments/checks.h"
#include "cli/command.h"
#include "cli/completion/candidates.h"
#include "cli/completion/scripts.h"
#include "cli/open_model.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

struct Options {
  std::string shell;
  std::vector<std::string> words;
};

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  const auto library = models_folder();
  if (!library) return names;
  const auto entries = library->list();
  if (!entries) return names;
  for (const model::LibraryEntry& entry : *entries) names.push_back(entry.name);
  return names;
}

Result<void> completion(const CLI::App& program, const Options& options) {
  if (options.shell == "bash") write_out(kBashCompletion);
  if (options.shell == "zsh") write_out(kZshCompletion);
  if (options.shell == "fish") write_out(kFishCompletion);
  if (options.shell == "words") write_out(to_lines(candidates_for(program, options.words, &model_names)));
  return {};
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("completion", "Print a script that completes command lines in your shell");
  command->footer(
      "Examples:\n"
      "  source <(exogpu completion bash)                                  in ~/.bashrc\n"
      "  source <(exogpu completion zsh)                                   in ~/.zshrc, after compinit\n"
      "  exogpu completion fish > ~/.config/fish/completions/exogpu.fish   once");
  command->add_option("shell", options->shell, "The shell")
      ->required()
      ->type_name("bash|zsh|fish")
      ->check(one_of({"bash", "zsh", "fish", "words"}));
  command->add_option("words", options->words, "The words of a command line, for the scripts")->group("");
  command->callback([options, &app, &action] { action = [options, &app] { return completion(app, *options); }; });
}

}  // namespace exogpu::cli
